import type {Fault} from '../fault.js';
import {asMade, bridged} from './places.js';

/** Somebody switched the row of a node's pods off. */
export const cloudRowDisabled: Fault = {
  id: 'cloud-row-disabled',
  title: 'the row for the pods of n2 is disabled in the cloud',
  fits: (lab) => bridged(lab) !== undefined && lab.cloud?.provider === 'tencent',
  expect: () => ({rule: 'cloud-route-disabled', node: 'n2'}),
  inject: (lab) => [
    {
      cloud: (now) => ({
        ...now,
        rows: now.rows.map((row) => (row.dst === lab.nodes[1]!.subnet ? {...row, state: 'disabled' as const} : row)),
      }),
    },
  ],
  fix: (lab) => [{cloud: (now) => asMade(now, lab)}],
  byHand: true,
};
