import type {Fault} from '../fault.js';
import {asMade, bridged} from './places.js';

/** The row of a node is in the first route table alone; another subnet uses another. */
export const cloudRowInOneTable: Fault = {
  id: 'cloud-row-in-one-table',
  title: 'the route table of the second subnet has no row for the pods of n1',
  fits: (lab) => bridged(lab) !== undefined && (lab.cloud?.subnets.length ?? 0) > 1,
  expect: () => ({rule: 'cloud-route-wrong-table', node: 'n1'}),
  inject: (lab) => [
    {
      cloud: (now) => ({
        ...now,
        rows: now.rows.filter((row) => row.table === lab.cloud!.subnets[0]!.routeTable || row.dst !== lab.nodes[0]!.subnet),
      }),
    },
  ],
  fix: (lab) => [{cloud: (now) => asMade(now, lab)}],
  byHand: true,
};
