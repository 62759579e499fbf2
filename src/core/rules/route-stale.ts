import {routeDelete} from '../kernel/commands.js';
import {route as table} from '../kernel/route.js';
import {overlaps} from '../net/prefix.js';
import {coversPeers, holderOf, isTunnel, leadsTo} from './pair.js';
import {step} from './remedy.js';
import {type NodeRule, rows} from './rule.js';
import {token} from './token.js';

export const routeStale: NodeRule = {
  id: 'route-stale',
  scope: 'node',
  stage: 'route',
  severity: 'warning',
  holds: 'Every route into the pod network leads to a subnet that a node holds.',
  cause:
    "A node was removed while flanneld was not running here, or the cluster's pod network was changed; flanneld never removes such rows later.",
  effect: 'None yet; the next node that gets this subnet is unreachable from here, or loses its own pods.',
  remedy: 'Delete the route and the neighbour and FDB rows that belong to it.',
  fix: 'ask',
  replay: true,
  needs: ['route'],
  needsWholeCluster: true,
  // Where the cloud's rows lead, a route of the node's may be all that carries packets yet: taking it away is another matter.
  concerns: ({cluster}) => cluster.mode?.fabric === undefined,
  *check(view) {
    const {name, changes, self, cluster} = view;
    const own = [self?.subnet, self?.ipv6Subnet].filter((s) => s !== undefined);
    for (const change of changes.route ?? []) {
      if (change.kind !== 'unexpected' || change.actual.type !== 'unicast') continue;
      const row = change.actual;
      // Inside a held subnet other rules speak; a wider row never wins over the subnets' own.
      if (holderOf(view, row.dst) !== undefined || own.some((s) => overlaps(s, row.dst))) continue;
      if (coversPeers(view, row.dst)) continue;
      // Without gateway and not on a tunnel: a pod's route of another plugin, or a connected network (route-network-overlaps-host).
      if (row.gateway === undefined && row.nexthops === undefined && !isTunnel(row.dev)) continue;
      const holders = new Set([...(cluster.claims.route.get(row.dst)?.values() ?? [])].flat());
      // What every node believes is rather a node that was not read than a leftover.
      const leads = leadsTo(view, row, row.family);
      const everywhere = cluster.source === 'derived' && holders.size >= cluster.members.length;
      if (everywhere && [...holders].toSorted()[0] !== name) continue;
      yield {
        severity: everywhere ? 'info' : 'warning',
        subject: row.dst,
        message: everywhere
          ? `every node has a route to ${row.dst}, but no node that was read holds this subnet: one was not read, or it left`
          : `${name} has a route to ${row.dst}, which no node holds`,
        evidence: [rows(name, table.show, [row])],
        ...(everywhere ? {effect: 'none', peers: [...holders].filter((n) => n !== name)} : {steps: [step(name, routeDelete(row))]}),
        dependsOn: [
          // A peer whose subnet is in doubt: its right route looks like a leftover.
          ...(leads ? [token.lease(leads.node)] : []),
          ...(row.dev ? [token.device(name, row.dev)] : []),
        ],
        breaks: row.gateway === undefined ? [] : [token.route(name, row.gateway)],
      };
    }
  },
};
