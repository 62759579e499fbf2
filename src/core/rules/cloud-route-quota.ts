import {quotaOf} from '../cloud/quota.js';
import {lookupsOf, partsOf, rowsIn, tableName} from './cloud-rows.js';
import {anyNode} from './published.js';
import type {ClusterRule} from './rule.js';

export const cloudRouteQuota: ClusterRule = {
  id: 'cloud-route-quota',
  scope: 'cluster',
  stage: 'lease',
  severity: 'warning',
  holds: "The cloud's route table has room for the rows of nodes to come.",
  cause: 'Each node needs a row, and rows of nodes that are gone stay.',
  effect: 'When the table is full, flannel of the next node cannot write its row: nobody reaches its pods.',
  remedy: 'Have the quota raised, take away rows that nobody needs, or use a mode without rows.',
  fix: 'no',
  fabric: 'routes',
  cloud: ['routes'],
  *check(cluster) {
    const {cloud} = cluster;
    const node = anyNode(cluster);
    if (cloud === undefined || node === undefined) return;
    for (const table of lookupsOf(cluster).tables) {
      const quota = quotaOf(table.provider);
      if (quota === undefined) continue;
      // AWS counts IPv4 and IPv6 apart; pods' rows are IPv4.
      const rows = rowsIn(cloud, table).filter((r) => r.origin !== 'system' && (table.provider !== 'aws' || !r.dst.includes(':')));
      if (rows.length < quota.rows * 0.8) continue;
      const parts = partsOf(cluster).length;
      const full = rows.length >= quota.rows;
      yield {
        node,
        severity: full ? 'error' : 'warning',
        subject: table.id,
        message: `the cloud's route table ${tableName(table)} has ${rows.length} rows, and ${quota.words} is ${quota.rows}`,
        effect: full
          ? 'no further node gets a row: nobody would reach its pods'
          : `${quota.rows - rows.length} more nodes get a row; the next has none, and nobody reaches its pods`,
        evidence: [
          {
            node,
            command: cloud.sources.routes?.from ?? '',
            lines: [`${rows.length} rows: ${parts} for nodes of this cluster, ${Math.max(0, rows.length - parts)} others`],
          },
        ],
      };
    }
  },
};
