import {leaseOf} from '../flannel/lease.js';
import {lookup} from '../forwarding/lookup.js';
import {address as table} from '../kernel/address.js';
import {route as routes} from '../kernel/route.js';
import {modes} from '../modes/index.js';
import {hostOf, overlaps, prefix} from '../net/prefix.js';
import {bridgeFamilies, bridgeOf} from './bridge-state.js';
import {type NodeRule, rows} from './rule.js';
import {token} from './token.js';

export const bridgeAddressConflict: NodeRule = {
  id: 'bridge-address-conflict',
  scope: 'node',
  stage: 'device',
  severity: 'warning',
  holds: "No other device of the node is in its own pod subnet, and no router has the bridge's address.",
  cause: "docker0, a libvirt network or a VPN was given the node's pod subnet, or the pod network covers the LAN.",
  effect: 'The node may take one device for the other: which of the two connected routes wins depends on the order in which they came up.',
  remedy: 'Change the range of the other device (Docker: bip in daemon.json) or the pod network.',
  fix: 'no',
  needs: ['link', 'address', 'route'],
  *check(view) {
    const {name, state, bridge, self} = view;
    // Docker of old took flannel's subnet for docker0 itself: then that is the pods' bridge, and cni0 does not exist.
    if (!self || !bridgeOf(view)) return;
    for (const address of state.tables.address ?? []) {
      const {dev, local, prefixlen, family} = address;
      const own = leaseOf(self, family);
      if (!own || address.scope !== 'global' || dev === bridge || dev === 'lo' || modes.some((m) => m.ownsDevice(dev))) continue;
      // A host address claims no network.
      if (prefixlen === (family === 4 ? 32 : 128) || !overlaps(prefix(`${local}/${prefixlen}`), own.subnet)) continue;
      const way = lookup(state, {dst: hostOf(own.subnet, 2)});
      const wins = way.kind === 'route' && way.route.dev === dev;
      yield {
        ...(wins && {severity: 'error' as const, effect: `packets for pods of ${name} go to ${dev} instead of ${bridge}`}),
        subject: `${local}/${prefixlen} on ${dev}`,
        message: `${dev} on ${name} has ${local}/${prefixlen}, which overlaps the node's own pod subnet ${own.subnet} on ${bridge}`,
        evidence: [rows(name, table.show, [address]), ...(way.kind === 'route' ? [rows(name, routes.show, [way.route])] : [])],
        dependsOn: [token.lease(name)],
        breaks: wins ? [token.bridge(name)] : [],
      };
    }
    const gateways = new Set(bridgeFamilies(view).map((f) => f.gateway));
    for (const route of state.tables.route ?? []) {
      if (route.gateway === undefined || !gateways.has(route.gateway) || route.dev === bridge || route.table === 'local') continue;
      yield {
        subject: `gateway ${route.gateway}`,
        message: `${name} has a route through ${route.gateway} on ${route.dev ?? '?'}, the address of its own ${bridge}`,
        effect: 'the node takes packets for that gateway itself',
        evidence: [rows(name, routes.show, [route])],
      };
    }
  },
};
