import {isUsed, tablesOf} from '../cloud/choose.js';
import {text} from '../flannel/records/json.js';
import {shell} from '../kernel/commands.js';
import {contains} from '../net/prefix.js';
import {cloudRows, lookupsOf, partsOf, rowsIn} from './cloud-rows.js';
import type {ClusterRule} from './rule.js';

export const cloudCcnNotPublished: ClusterRule = {
  id: 'cloud-ccn-not-published',
  scope: 'cluster',
  stage: 'route',
  severity: 'warning',
  holds: "Where networks are joined by a CCN, it has been told of the nodes' pods.",
  cause:
    'Rows that somebody writes are not told to the CCN by themselves; those of Global Router only where the cluster is registered there.',
  effect: "Machines of the other networks do not reach the node's pods.",
  remedy: "Publish the row (tccli vpc NotifyRoutes); for Global Router register the cluster's network with the CCN in the console of TKE",
  fix: 'no',
  fabric: 'routes',
  cloud: ['routes'],
  *check(cluster) {
    const {cloud} = cluster;
    if (cloud === undefined) return;
    const between = tablesOf(cloud).filter((t) => t.between);
    const told = between.flatMap((t) => rowsIn(cloud, t)).filter(isUsed);
    const networks = new Set((cloud.enis ?? []).flatMap((e) => e.vpcId ?? []));
    if (between.length === 0 && networks.size < 2) return;
    for (const part of partsOf(cluster)) {
      if (told.some((r) => contains(r.dst, part.subnet))) continue;
      const rows = lookupsOf(cluster)
        .tables.flatMap((t) => rowsIn(cloud, t))
        .filter((r) => r.dst === part.subnet);
      const held = rows.filter((r) => r.published === false);
      if (between.length === 0 && held.length === 0) continue;
      yield {
        node: part.node,
        subject: part.subnet,
        message:
          between.length > 0
            ? `the routes of the CCN have none for ${part.subnet} of ${part.node}`
            : `the row for ${part.subnet} of ${part.node} is not published to the CCN, and the data tell of ${networks.size} networks`,
        effect: `machines of the other networks do not reach the pods of ${part.node}`,
        evidence: [cloudRows(cluster, part.node, between.length > 0 ? told : held, `(no row: ${part.subnet})`)],
        steps: held.flatMap((r) => {
          const id = text(r.raw, 'RouteItemId');
          return id === undefined
            ? []
            : [
                {
                  node: 'the cloud',
                  run: shell(['tccli', 'vpc', 'NotifyRoutes', '--RouteTableId', r.tableId, '--RouteItemIds', JSON.stringify([id])]),
                },
              ];
        }),
      };
    }
  },
};
