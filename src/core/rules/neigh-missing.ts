import type {FamilyLease} from '../flannel/lease.js';
import {neighReplace} from '../kernel/commands.js';
import {type Neigh, neigh as table} from '../kernel/neigh.js';
import {route as routeTable} from '../kernel/route.js';
import type {NodeView} from '../model/view.js';
import {modes} from '../modes/index.js';
import {looked} from '../node/state.js';
import {cut, isTunnel, listing, neighbourOf, peerNamed, peerWithBase, severityOn} from './pair.js';
import {step} from './remedy.js';
import {absent, type NodeRule, type Observation, rows} from './rule.js';
import {token} from './token.js';

export const neighMissing: NodeRule = {
  id: 'neigh-missing',
  scope: 'node',
  stage: 'neigh',
  severity: 'error',
  holds: "Every gateway of a tunnel route has a neighbour row, with the hardware address of the peer's tunnel device.",
  cause: 'The neighbour table was flushed, the device was set down, or flanneld missed the peer; nobody answers ARP on the tunnel.',
  effect: 'The kernel asks for the hardware address, hears nothing, and drops the packets.',
  remedy: 'Write the neighbour again (or restart flanneld on the node).',
  restarts: 'node',
  fix: 'safe',
  replay: true,
  needs: ['neigh'],
  *check(view) {
    const {name, changes} = view;
    for (const change of changes.neigh ?? []) {
      // After a packet was sent the kernel keeps a row of its own without an address, INCOMPLETE and then FAILED.
      if (change.kind === 'unexpected') continue;
      const unresolved = change.kind === 'differs' && change.actual[0].lladdr === undefined ? change.actual : undefined;
      if (change.kind === 'differs' && !unresolved) continue;
      const {row, peer = '', family} = change.want;
      const lease = peerNamed(view, peer, family);
      yield {
        ...(lease && {severity: severityOn(view, row.dev, lease.subnet)}),
        subject: `${row.dst} (${peer})`,
        message: `${name} has no neighbour ${row.dst} on ${row.dev}, the gateway to ${peer}'s pods`,
        ...(lease && {effect: cut(view, family, peer, lease.subnet)}),
        evidence: [unresolved ? rows(name, table.show, unresolved) : absent(name, listing(view, 'neigh', family), table.show(row))],
        steps: [step(name, neighReplace(row))],
        peers: [peer],
        dependsOn: [token.lease(name), token.lease(peer), token.mac(peer), token.device(name, row.dev), token.route(name, peer)],
        breaks: [token.neigh(name, peer)],
      };
    }
    yield* gatewaysOfUnknownPeers(view);
  },
};

/** A device without hardware addresses (ipip, tun, WireGuard) sends by the route alone. */
const hasNeighbours = ({state}: NodeView, dev: string): boolean =>
  modes.some((mode) => mode.neighbours && mode.ownsDevice(dev)) &&
  state.tables.link?.find((l) => l.ifname === dev)?.flags.includes('NOARP') !== true;

/** One node's listing is enough to see that a gateway on the tunnel has no neighbour, whoever is behind it. */
function* gatewaysOfUnknownPeers(view: NodeView): Iterable<Observation> {
  const {name, state, cluster} = view;
  // With everybody known a gateway that is nobody's is a stale route.
  if (cluster.complete) return;
  for (const route of state.tables.route ?? []) {
    const {gateway, dev, family} = route;
    if (route.table !== 'main' || gateway === undefined || !isTunnel(dev) || !hasNeighbours(view, dev)) continue;
    if (!looked(state, 'neigh', family)) continue;
    const found: Neigh | undefined = neighbourOf(view, dev, gateway);
    if (found?.lladdr !== undefined) continue;
    const known: FamilyLease | undefined = peerWithBase(view, gateway);
    if (known?.vtepMAC !== undefined && view.expected) continue;
    const said = [...(cluster.claims.neigh.get(gateway)?.keys() ?? [])];
    yield {
      subject: `${gateway} (${route.dst})`,
      message: `${name} has a route to ${route.dst} via ${gateway} on ${dev}, and no neighbour for that gateway`,
      effect: `pods of ${name} cannot reach pods in ${route.dst}`,
      evidence: [
        rows(name, routeTable.show, [route]),
        found ? rows(name, table.show, [found]) : absent(name, listing(view, 'neigh', family), `${gateway} dev ${dev}`),
      ],
      // What the other nodes agree on is what flanneld told them.
      ...(said.length === 1 && {steps: [step(name, neighReplace({dst: gateway, dev, lladdr: said[0]!}))]}),
      ...(known && {peers: [known.node]}),
      dependsOn: [token.lease(name), token.device(name, dev), ...(known ? [token.lease(known.node), token.mac(known.node)] : [])],
      breaks: [token.neigh(name, known?.node ?? gateway)],
    };
  }
}
