import type {Fault} from '../fault.js';
import {asMade, bridged, rowsTo} from './places.js';

/** A second row for a node's pods leads to another node: the old one of a subnet that moved. */
export const cloudRowSecond: Fault = {
  id: 'cloud-row-second',
  title: 'the cloud shares what is for the pods of n2 between n2 and n1',
  fits: (lab) => bridged(lab) !== undefined && lab.cloud?.provider === 'tencent',
  expect: () => ({rule: 'cloud-route-ecmp-duplicate', node: 'n2'}),
  inject: (lab) => [{cloud: (now) => ({...now, rows: [...now.rows, ...rowsTo(lab, lab.nodes[1]!.subnet, lab.nodes[0]!.ip)]})}],
  fix: (lab) => [{cloud: (now) => asMade(now, lab)}],
  byHand: true,
};
