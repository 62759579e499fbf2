import type {Fault} from '../fault.js';
import {asMade, bridged, rowsTo, withoutRow} from './places.js';

/** The row of a node's pods leads to another node. */
export const cloudRowWrong: Fault = {
  id: 'cloud-row-wrong',
  title: 'the cloud sends what is for the pods of n2 to n1',
  fits: (lab) => bridged(lab) !== undefined,
  expect: () => ({rule: 'cloud-route-wrong-nexthop', node: 'n2'}),
  inject: (lab) => [
    {cloud: (now) => ({...now, rows: [...withoutRow(now, lab.nodes[1]!), ...rowsTo(lab, lab.nodes[1]!.subnet, lab.nodes[0]!.ip)]})},
  ],
  fix: (lab) => [{cloud: (now) => asMade(now, lab)}],
  byHand: true,
};
