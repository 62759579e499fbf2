import {routeDelete} from '../kernel/commands.js';
import {route as table} from '../kernel/route.js';
import {contains} from '../net/prefix.js';
import {partsOf} from './cloud-rows.js';
import {step} from './remedy.js';
import {type NodeRule, rows} from './rule.js';

export const cloudRouteShadowedByNode: NodeRule = {
  id: 'cloud-route-shadowed-by-node',
  scope: 'node',
  stage: 'route',
  severity: 'warning',
  holds: "No node has a route of its own to another node's pods where the cloud's rows lead there.",
  cause:
    'The node ran vxlan or host-gw before: the new backend neither uses nor deletes the routes that the old one made, and they stay until a reboot.',
  effect: "The node's own route wins: its packets never meet the cloud's row, and stop when the other end of the old way is taken down.",
  remedy: "Delete the route once the cloud's row is known to be right: a probe from one node after it is deleted there shows it.",
  fix: 'ask',
  fabric: 'routes',
  needs: ['route'],
  concerns: ({cluster}) => cluster.mode?.elsewhere !== true || cluster.cloud?.routes !== undefined,
  *check(view) {
    const {name, state, cluster} = view;
    const others = partsOf(cluster).filter((p) => p.node !== name);
    for (const row of state.tables.route ?? []) {
      // What refuses the packets instead is route-blackhole-stale's business.
      if (row.family !== 4 || row.table !== 'main' || row.type !== 'unicast') continue;
      const part = others.find((p) => contains(p.subnet, row.dst));
      if (part === undefined) continue;
      // What has no gateway and no tunnel leads to a neighbour of this node's own: a pod that moved, another rule's business.
      if (row.gateway === undefined && row.nexthops === undefined && !/^(flannel|tun|wg)/.test(row.dev ?? '')) continue;
      yield {
        subject: row.dst,
        message: `${name} has a route of its own to ${row.dst} of ${part.node}${row.dev === undefined ? '' : ` by ${row.dev}`}, which stands before the cloud's row`,
        effect: `packets of ${name} for the pods of ${part.node} take the old way, and the cloud's row is never used`,
        evidence: [rows(name, table.show, [row])],
        steps: [step(name, routeDelete(row))],
        peers: [part.node],
      };
    }
  },
};
