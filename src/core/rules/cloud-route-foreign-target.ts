import {isLocal, isUsed} from '../cloud/choose.js';
import {deleteRow} from '../cloud/commands.js';
import {contains} from '../net/prefix.js';
import {cloudRows, few, isMachine, partsInTables, rowsIn, tableName, waysTo} from './cloud-rows.js';
import {inCloud} from './cloud-steps.js';
import type {ClusterRule} from './rule.js';

export const cloudRouteForeignTarget: ClusterRule = {
  id: 'cloud-route-foreign-target',
  scope: 'cluster',
  stage: 'route',
  severity: 'error',
  holds: 'No row for a part of the pod network leads to a gateway, a peering or another network.',
  cause: 'Somebody routes the range elsewhere: to a NAT gateway, a VPN, another VPC; or another network has told of the same range.',
  effect: "Packets for the node's pods leave the network there.",
  remedy: 'Remove the row, or give the pods a range that nothing else uses.',
  fix: 'no',
  fabric: 'routes',
  cloud: ['routes', 'tables'],
  *check(cluster) {
    const {cloud} = cluster;
    if (cloud === undefined) return;
    for (const {part, table, senders} of partsInTables(cluster)) {
      const rows = rowsIn(cloud, table).filter((r) => !isLocal(r) && !isMachine(r) && isUsed(r) && contains(part.subnet, r.dst));
      if (rows.length === 0) continue;
      const [{dst, nextHop}] = rows as [(typeof rows)[0]];
      yield {
        node: part.node,
        subject: `${part.subnet} in ${table.id}`,
        message: `the cloud's route table ${tableName(table)} leads ${dst} to ${nextHop.type} ${nextHop.id}, but ${dst === part.subnet ? 'it' : part.subnet} is the subnet of ${part.node}`,
        effect: `packets from ${few(senders)} for these pods leave the network by ${nextHop.type}`,
        evidence: [cloudRows(cluster, part.node, rows)],
        ...inCloud(rows.map(deleteRow)),
        peers: senders,
        breaks: waysTo(part.node, senders),
      };
    }
  },
};
