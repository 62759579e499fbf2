import type {Fault} from '../fault.js';
import {asMade, bridged, rowsTo, withoutRow} from './places.js';

/** The row of a node's pods leads to a gateway of the cloud. */
export const cloudRowToNat: Fault = {
  id: 'cloud-row-to-nat',
  title: 'the cloud sends what is for the pods of n2 to its NAT gateway',
  fits: (lab) => bridged(lab) !== undefined && lab.cloud?.provider === 'tencent',
  expect: () => ({rule: 'cloud-route-foreign-target', node: 'n2'}),
  inject: (lab) => [{cloud: (now) => ({...now, rows: [...withoutRow(now, lab.nodes[1]!), ...rowsTo(lab, lab.nodes[1]!.subnet, 'nat')]})}],
  fix: (lab) => [{cloud: (now) => asMade(now, lab)}],
  byHand: true,
};
