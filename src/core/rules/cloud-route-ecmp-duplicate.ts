import {createRow, deleteRow} from '../cloud/commands.js';
import {cloudRows, few, partsInTables, tableName, waysTo} from './cloud-rows.js';
import {inCloud, machineOf} from './cloud-steps.js';
import type {ClusterRule} from './rule.js';

export const cloudRouteEcmpDuplicate: ClusterRule = {
  id: 'cloud-route-ecmp-duplicate',
  scope: 'cluster',
  stage: 'route',
  severity: 'error',
  holds: "Only one row of the cloud's route table leads to a node's pods.",
  cause:
    'A subnet that a node has now was once another node’s, whose row was never taken away: on Tencent a second row does not replace the first, both are used.',
  effect: 'Connections are spread over both rows: a part of them works, the rest is lost.',
  remedy: "Delete the row that does not lead to the node, with the cloud's own tool.",
  fix: 'no',
  fabric: 'routes',
  cloud: ['routes', 'tables'],
  *check(cluster) {
    for (const {part, table, senders, found} of partsInTables(cluster)) {
      if (found.kind !== 'several') continue;
      const wrong = found.rows.filter((r) => r.nextHop.node !== part.node);
      const right = wrong.length < found.rows.length;
      yield {
        node: part.node,
        subject: `${part.subnet} in ${table.id}`,
        message: `the cloud's route table ${tableName(table)} has ${found.rows.length} rows for ${part.subnet} of ${part.node}, ${wrong.length} of them to others: ${few(wrong.map((r) => r.nextHop.node ?? r.nextHop.id))}`,
        effect: `about ${wrong.length} of ${found.rows.length} connections from ${few(senders)} to the pods of ${part.node} are lost`,
        evidence: [cloudRows(cluster, part.node, found.rows)],
        ...inCloud([right ? undefined : createRow(table, part.subnet, machineOf(cluster, part.member)), ...wrong.map(deleteRow)]),
        peers: senders,
        breaks: waysTo(part.node, senders),
      };
    }
  },
};
