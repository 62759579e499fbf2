import {isLocal, isUsed} from '../cloud/choose.js';
import {deleteRow} from '../cloud/commands.js';
import {contains, overlaps} from '../net/prefix.js';
import {cloudRows, isMachine, lookupsOf, networksOf, partsOf, rowsIn, tableName} from './cloud-rows.js';
import {inCloud} from './cloud-steps.js';
import type {ClusterRule} from './rule.js';

export const cloudRouteStale: ClusterRule = {
  id: 'cloud-route-stale',
  scope: 'cluster',
  stage: 'leftover',
  severity: 'warning',
  holds: "Every row of the pod network in the cloud's route table is for the pods of a node.",
  cause: 'A node was removed: no backend of flannel ever takes the row of another node away.',
  effect: 'It fills the table; the next node that gets this subnet shares it with a machine that is not there.',
  remedy: "Delete the row with the cloud's own tool.",
  fix: 'no',
  fabric: 'routes',
  cloud: ['routes'],
  *check(cluster) {
    const {cloud, complete, members} = cluster;
    const [first] = members;
    // A node that nobody looked at may be whose row it is.
    if (cloud === undefined || !complete || first === undefined) return;
    const parts = partsOf(cluster);
    const networks = networksOf(cluster);
    for (const table of lookupsOf(cluster).tables) {
      for (const row of rowsIn(cloud, table)) {
        if (isLocal(row) || !isMachine(row) || !networks.some((n) => n !== row.dst && contains(n, row.dst))) continue;
        if (parts.some((p) => p.subnet === row.dst)) continue;
        // Wider than a part, and not whole: several nodes' parts may be one row's.
        const over = parts.filter((p) => overlaps(p.subnet, row.dst));
        if (over.length > 0 && over.every((p) => contains(row.dst, p.subnet))) continue;
        const hit = isUsed(row) && over.some((p) => row.nextHop.node !== p.node) ? over[0] : undefined;
        const node = hit?.node ?? row.nextHop.node ?? first.name;
        yield {
          node,
          severity: hit ? 'error' : 'warning',
          subject: `${row.dst} in ${table.id}`,
          message: `the cloud's route table ${tableName(table)} has a row for ${row.dst} to ${row.nextHop.node ?? row.nextHop.id}, and no node has this subnet`,
          ...(hit && {effect: `it takes packets for a part of ${hit.subnet} of ${hit.node}`}),
          evidence: [cloudRows(cluster, node, [row])],
          ...inCloud([deleteRow(row)]),
        };
      }
    }
  },
};
