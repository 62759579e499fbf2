import {route as table} from '../kernel/route.js';
import {carries, isTunnel, peerNamed} from './pair.js';
import {replaceRoute} from './route-wrong-nexthop.js';
import {type NodeRule, rows} from './rule.js';
import {token} from './token.js';

export const routeDirectroutingMixed: NodeRule = {
  id: 'route-directrouting-mixed',
  scope: 'node',
  stage: 'route',
  severity: 'warning',
  holds: 'With DirectRouting both nodes of a pair choose the same way: plain on a shared link, else the tunnel.',
  cause: 'flanneld chooses when it learns of the peer, by one route lookup, and does not look again when the underlay changes.',
  effect: 'The pair talks by two different ways; a strict rp_filter drops one direction.',
  remedy: 'Write the plain route where the link is shared; a peer behind a router keeps the tunnel.',
  fix: 'safe',
  modes: ['vxlan', 'ipip'],
  needs: ['route'],
  *check(view) {
    const {name, changes, cluster} = view;
    if (!cluster.settings?.directRouting) return;
    for (const change of changes.route ?? []) {
      if (change.kind !== 'differs') continue;
      const {actual, want} = change;
      const [used] = actual;
      const {row, family, peer = ''} = want;
      const lease = peerNamed(view, peer, family);
      if (!isTunnel(used.dev) || isTunnel(row.dev) || !lease || carries(view, used, lease) !== 'straight') continue;
      yield {
        subject: `${row.dst} (${peer})`,
        message: `${name} sends packets for ${peer}'s pods (${row.dst}) through ${used.dev}, although ${row.gateway} is on its own link`,
        evidence: [rows(name, table.show, actual)],
        steps: replaceRoute(name, actual, row),
        peers: [peer],
        dependsOn: [token.lease(name), token.lease(peer), token.forwarding(name), ...(row.dev ? [token.device(name, row.dev)] : [])],
        breaks: [token.route(name, peer)],
      };
    }
  },
};
