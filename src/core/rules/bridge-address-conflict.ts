import {leaseOf} from '../flannel/lease.js';
import {lookup} from '../forwarding/lookup.js';
import {address as table} from '../kernel/address.js';
import {route as routes} from '../kernel/route.js';
import {modes} from '../modes/index.js';
import {contains, hostOf, overlaps} from '../net/prefix.js';
import {tryPrefix} from '../net/prefix.js';
import {bridgeFamilies} from './bridge-state.js';
import {type NodeRule, rows} from './rule.js';
import {token} from './token.js';

export const bridgeAddressConflict: NodeRule = {
  id: 'bridge-address-conflict',
  scope: 'node',
  stage: 'device',
  severity: 'warning',
  holds: 'No other device of the node has an address in the pod network, and no gateway has the bridge\'s.',
  cause: 'docker0, a libvirt network or a VPN was given a range inside the pod network, or the pod network covers the LAN.',
  effect: 'What the other device\'s network covers is not reached through flannel.',
  remedy: 'Change the range of the other device (Docker: bip in daemon.json) or the pod network.',
  fix: 'no',
  needs: ['link', 'address', 'route'],
  *check(view) {
    const {name, state, bridge, cluster, peers, self} = view;
    const bridges = new Set((state.tables.link ?? []).filter((l) => l.kind === 'bridge').map((l) => l.ifname));
    const gateways = new Set(bridgeFamilies(view).map((f) => f.gateway));
    for (const address of state.tables.address ?? []) {
      const {dev, local, prefixlen, family} = address;
      if (address.scope !== 'global' || dev === bridge || dev === 'lo' || modes.some((m) => m.ownsDevice(dev))) continue;
      if (!cluster.networks.some((n) => !n.endsWith('/0') && contains(n, local))) continue;
      // Docker of old took flannel's subnet for docker0 itself: that is the pods' bridge.
      if (gateways.has(local) && bridges.has(dev)) continue;
      const range = tryPrefix(`${local}/${prefixlen}`)!;
      const hit = [...(self ? [self] : []), ...peers].filter((lease) => {
        const own = leaseOf(lease, family);
        if (!own || !overlaps(range, own.subnet)) return false;
        const way = lookup(state, {dst: hostOf(own.subnet, 2)});
        return way.kind === 'route' && way.route.dev === dev;
      });
      yield {
        ...(hit.length > 0 && {severity: 'error' as const, effect: `${name} sends packets for pods of ${hit.map((l) => l.node).join(', ')} to ${dev}`}),
        subject: `${local}/${prefixlen} on ${dev}`,
        message: `${dev} on ${name} has ${local}/${prefixlen}, inside the pod network`,
        evidence: [rows(name, table.show, [address])],
        peers: hit.map((l) => l.node).filter((n) => n !== name),
        breaks: [token.device(name, dev), ...hit.map((l) => token.route(name, l.node))],
      };
    }
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
