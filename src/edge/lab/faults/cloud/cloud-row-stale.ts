import type {Fault} from '../fault.js';
import {asMade, bridged, departed, rowsTo} from './places.js';

/** The row of a node that is gone stays. */
export const cloudRowStale: Fault = {
  id: 'cloud-row-stale',
  title: 'the cloud has a row for the pods of a node that is gone',
  fits: (lab) => bridged(lab) !== undefined && lab.cloud?.provider === 'tencent',
  expect: () => ({rule: 'cloud-route-stale', node: 'n1'}),
  inject: (lab) => [{cloud: (now) => ({...now, rows: [...now.rows, ...rowsTo(lab, departed(lab).subnet, departed(lab).ip)]})}],
  fix: (lab) => [{cloud: (now) => asMade(now, lab)}],
  byHand: true,
};
