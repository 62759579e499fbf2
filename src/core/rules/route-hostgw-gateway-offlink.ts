import {lookup} from '../forwarding/lookup.js';
import {route as table} from '../kernel/route.js';
import {rowFor} from './pair.js';
import {foreign} from './policy.js';
import {type NodeRule, rows} from './rule.js';
import {token} from './token.js';

export const routeHostgwGatewayOfflink: NodeRule = {
  id: 'route-hostgw-gateway-offlink',
  scope: 'node',
  // Before the routes: the kernel refuses them because of this.
  stage: 'device',
  severity: 'error',
  holds: "With host-gw every peer's public address is on a link of the node, with no router between.",
  cause: 'The nodes are in different network segments; host-gw can only name a next hop that answers on the link.',
  effect: 'The kernel refuses the route to this peer, and its pods are unreachable in both directions.',
  remedy: 'Put the nodes on one segment, or use vxlan (with DirectRouting, to keep plain routes where they work).',
  fix: 'no',
  modes: ['host-gw'],
  needs: ['route', 'link'],
  *check(view) {
    const {name, expected, state, member} = view;
    const uplink = state.tables.link?.find((l) => l.ifname === member.uplink?.name);
    // A link that is down has lost its connected routes: that is another fault.
    if (!uplink?.flags.includes('UP') || uplink.flags.includes('NO-CARRIER')) return;
    for (const {row, peer = '', family} of expected?.route ?? []) {
      if (row.gateway === undefined || !state.families.route?.has(family)) continue;
      if (rowFor(view, row.dst)?.flags.includes('onlink')) continue;
      const found = lookup(state, {dst: row.gateway});
      // What a VPN's policy rule says of the peer is that rule's finding.
      if (found.kind === 'route' && found.rule && foreign(found.rule)) continue;
      if (found.kind !== 'route' || (found.route.gateway === undefined && found.route.nexthops === undefined)) continue;
      yield {
        subject: `${row.gateway} (${peer})`,
        message: `${name} reaches ${peer} (${row.gateway}) through a router, ${found.route.gateway ?? 'several gateways'}, not on its own link`,
        effect: `pods of ${name} and ${peer} cannot reach each other: host-gw needs both nodes on one link`,
        evidence: [rows(name, table.show, [found.route])],
        peers: [peer],
        dependsOn: [token.lease(name), token.lease(peer)],
        breaks: [token.underlay(name, peer)],
      };
    }
  },
};
