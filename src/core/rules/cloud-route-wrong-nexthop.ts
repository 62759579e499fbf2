import {mendRows} from '../cloud/commands.js';
import {cloudRows, few, partsInTables, tableName, waysTo} from './cloud-rows.js';
import {inCloud, machineOf} from './cloud-steps.js';
import type {ClusterRule} from './rule.js';

export const cloudRouteWrongNexthop: ClusterRule = {
  id: 'cloud-route-wrong-nexthop',
  scope: 'cluster',
  stage: 'route',
  severity: 'error',
  holds: "Each row of the cloud's route table leads to the node that has the pods.",
  cause: 'The subnet was given to another node, or the node got another address or machine, and the old row stayed.',
  effect: 'The packets go to another machine, which sends them back to its gateway: they circle until their time to live is over.',
  remedy: "Put the row right with the cloud's own tool.",
  fix: 'no',
  fabric: 'routes',
  cloud: ['routes', 'tables'],
  *check(cluster) {
    for (const {part, table, senders, found} of partsInTables(cluster)) {
      if (found.kind !== 'wrong') continue;
      const {nextHop} = found.rows[0]!;
      const whose = nextHop.node === undefined ? `${nextHop.id}, which is no node of the cluster` : nextHop.node;
      yield {
        node: part.node,
        subject: `${part.subnet} in ${table.id}`,
        message: `the cloud's route table ${tableName(table)} leads ${part.subnet} of ${part.node} to ${whose}`,
        effect: `nothing reaches the pods of ${part.node} from ${few(senders)}; ${nextHop.node === undefined ? 'the packets are lost' : `${nextHop.node} sends the packets back to its gateway until their time to live is over`}`,
        evidence: [cloudRows(cluster, part.node, found.rows)],
        ...inCloud(mendRows(table, found.rows, part.subnet, machineOf(cluster, part.member))),
        peers: [...senders, ...(nextHop.node === undefined || senders.includes(nextHop.node) ? [] : [nextHop.node])],
        breaks: waysTo(part.node, senders),
      };
    }
  },
};
