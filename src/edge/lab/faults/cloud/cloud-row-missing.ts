import type {Fault} from '../fault.js';
import {asMade, bridged, withoutRow} from './places.js';

/** Nobody wrote the row of a node's pods, or somebody deleted it. */
export const cloudRowMissing: Fault = {
  id: 'cloud-row-missing',
  title: 'the cloud has no row for the pods of n2',
  fits: (lab) => bridged(lab) !== undefined,
  expect: () => ({rule: 'cloud-route-missing', node: 'n2'}),
  inject: (lab) => [{cloud: (now) => ({...now, rows: withoutRow(now, lab.nodes[1]!)})}],
  fix: (lab) => [{cloud: (now) => asMade(now, lab)}],
  byHand: true,
};
