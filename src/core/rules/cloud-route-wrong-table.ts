import {createRow} from '../cloud/commands.js';
import {cloudRows, few, goodElsewhere, partsInTables, rowsIn, tableName, waysTo} from './cloud-rows.js';
import {inCloud, machineOf} from './cloud-steps.js';
import type {ClusterRule} from './rule.js';

export const cloudRouteWrongTable: ClusterRule = {
  id: 'cloud-route-wrong-table',
  scope: 'cluster',
  stage: 'route',
  severity: 'error',
  holds: "Every route table that serves a node's subnet has the rows of all nodes' pods.",
  cause: 'flannel writes into one table only (on Tencent the first that the API lists), and a subnet uses another.',
  effect: 'From that subnet nobody reaches the pods; from others all is well.',
  remedy: 'Write the rows into that table too (on AWS: name both in RouteTableID), or let the subnet use the other table.',
  fix: 'no',
  fabric: 'routes',
  cloud: ['routes', 'tables'],
  *check(cluster) {
    for (const {part, table, senders, found} of partsInTables(cluster)) {
      if (found.kind !== 'missing') continue;
      const other = goodElsewhere(cluster, part, table);
      if (other === undefined) continue;
      const there = rowsIn(cluster.cloud!, other).filter((r) => r.dst === part.subnet);
      yield {
        node: part.node,
        subject: `${part.subnet} in ${table.id}`,
        message: `the row for ${part.subnet} of ${part.node} is in the cloud's route table ${tableName(other)}, and ${tableName(table)}, which serves ${few(senders)}, has none`,
        effect: `nothing reaches the pods of ${part.node} from ${few(senders)}`,
        evidence: [
          cloudRows(cluster, part.node, there),
          cloudRows(cluster, part.node, found.rows, `(no row in ${table.id}: ${part.subnet})`),
        ],
        ...inCloud([createRow(table, part.subnet, machineOf(cluster, part.member))]),
        peers: senders,
        breaks: waysTo(part.node, senders),
      };
    }
  },
};
