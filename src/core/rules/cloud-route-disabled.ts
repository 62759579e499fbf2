import {enableRow, mendRows} from '../cloud/commands.js';
import {cloudRows, few, partsInTables, tableName, waysTo} from './cloud-rows.js';
import {inCloud, machineOf} from './cloud-steps.js';
import type {ClusterRule} from './rule.js';

export const cloudRouteDisabled: ClusterRule = {
  id: 'cloud-route-disabled',
  scope: 'cluster',
  stage: 'route',
  severity: 'error',
  holds: "The rows of the cloud's route table for the nodes' pods are in use.",
  cause: 'Somebody switched the row off, its target is gone (AWS and GCE keep the row), or the cloud is still at it.',
  effect: 'As if the row were not there: nobody beyond the node reaches its pods.',
  remedy: "Switch the row on with the cloud's own tool; where its target is gone, write it again to the machine that the node is now.",
  fix: 'no',
  fabric: 'routes',
  cloud: ['routes', 'tables'],
  *check(cluster) {
    for (const {part, table, senders, found} of partsInTables(cluster)) {
      if (found.kind !== 'disabled') continue;
      const states = [...new Set(found.rows.map((r) => r.state))].join(', ');
      const on = found.rows.filter((r) => r.nextHop.node === part.node).flatMap((r) => enableRow(r) ?? []);
      const again = mendRows(table, found.rows, part.subnet, machineOf(cluster, part.member));
      const pending = found.rows.every((r) => r.state === 'pending');
      yield {
        node: part.node,
        subject: `${part.subnet} in ${table.id}`,
        message: `the row for ${part.subnet} of ${part.node} in the cloud's route table ${tableName(table)} is not in use: ${states}`,
        effect: `nothing reaches the pods of ${part.node} from ${few(senders)}`,
        evidence: [cloudRows(cluster, part.node, found.rows)],
        ...(pending ? {} : inCloud(on.length > 0 ? [on] : again)),
        peers: senders,
        breaks: waysTo(part.node, senders),
      };
    }
  },
};
