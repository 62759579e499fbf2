import {contains} from '../net/prefix.js';
import {cloudRows, lookupsOf, networksOf, partsOf, rowsIn} from './cloud-rows.js';
import type {ClusterRule} from './rule.js';

export const cloudAliExclusiveRows: ClusterRule = {
  id: 'cloud-ali-exclusive-rows',
  scope: 'cluster',
  stage: 'lease',
  severity: 'warning',
  holds: "With ali-vpc, no other row of one's own leads to a node.",
  cause: 'Somebody wrote a row of another kind to a machine of the cluster: a VPN, another network behind it.',
  effect:
    'flannel of that node deletes every other custom row to its machine when it starts, but the default: what they are for is then cut off.',
  remedy: 'Lead these rows to a machine that is no node.',
  fix: 'no',
  modes: ['ali-vpc'],
  fabric: 'routes',
  cloud: ['routes'],
  *check(cluster) {
    const {cloud} = cluster;
    const networks = networksOf(cluster);
    const parts = partsOf(cluster);
    for (const table of cloud === undefined ? [] : lookupsOf(cluster).tables) {
      for (const row of rowsIn(cloud!, table)) {
        const {node} = row.nextHop;
        if (row.origin !== 'user' || node === undefined || row.dst === '0.0.0.0/0') continue;
        if (parts.some((p) => p.subnet === row.dst) || networks.some((n) => contains(n, row.dst))) continue;
        yield {
          node,
          subject: `${row.dst} in ${table.id}`,
          message: `${table.id} has a row for ${row.dst} to ${node}, which flannel of ${node} deletes when it starts`,
          effect: `${row.dst} is cut off when flannel of ${node} is restarted`,
          evidence: [cloudRows(cluster, node, [row])],
        };
      }
    }
  },
};
