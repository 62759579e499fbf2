import type {FamilyLease} from '../flannel/lease.js';
import {lookup} from '../forwarding/lookup.js';
import {routeDelete} from '../kernel/commands.js';
import {type Route, route as table} from '../kernel/route.js';
import {comparisons} from '../model/diff.js';
import type {NodeView} from '../model/view.js';
import type {Prefix} from '../net/address.js';
import {hostOf, lengthOf} from '../net/prefix.js';
import {arrivesAnyway, carries, cut, peerNamed, peerOver} from './pair.js';
import {step} from './remedy.js';
import {type NodeRule, type Observation, rows} from './rule.js';
import {token} from './token.js';

export const routeShadowed: NodeRule = {
  id: 'route-shadowed',
  scope: 'node',
  stage: 'route',
  severity: 'error',
  holds: "No other row of the main table wins over the route to a peer's pods.",
  cause: 'A more specific route, or one with a lower metric, left by another backend, a VPN client or a person.',
  effect: 'The right route is there and unused; packets follow the one that wins.',
  remedy: 'Delete the row that wins, or make its owner stop writing it.',
  fix: 'ask',
  needs: ['route'],
  *check(view) {
    const {changes, expected} = view;
    const wanted = new Map((expected?.route ?? []).map((w) => [w.row.dst, w.row]));
    for (const change of changes.route ?? []) {
      if (change.kind === 'differs') {
        const {row, peer, family} = change.want;
        const right = change.actual.find((a) => comparisons.route.differences(row, a).length === 0);
        const lease = peerNamed(view, peer, family);
        if (right && lease) yield* shadow(view, change.actual.slice(0, change.actual.indexOf(right)), right, lease);
      } else if (change.kind === 'unexpected' && change.actual.type === 'unicast') {
        const lease = peerOver(view, change.actual.dst);
        const right = lease && (view.state.tables.route ?? []).find((r) => r.table === 'main' && r.dst === lease.subnet);
        // Where the right row is not there at all, another rule says so; this row then is in its way all the same.
        if (lease && wanted.has(lease.subnet)) yield* shadow(view, [change.actual], right, lease);
      }
    }
  },
};

function* shadow(view: NodeView, winners: readonly Route[], right: Route | undefined, peer: FamilyLease): Iterable<Observation> {
  const {name, state, self, bridge} = view;
  const [winner] = winners;
  if (winner === undefined) return;
  const own = peer.family === 4 ? self?.subnet : self?.ipv6Subnet;
  const decided = lookup(state, {dst: insideOf(winner.dst), iif: bridge, ...(own !== undefined && {src: insideOf(own)})});
  if (decided.kind !== 'route' || decided.route !== winner) return;
  const arrives = carries(view, winner, peer);
  yield {
    severity: arrives ? 'warning' : 'error',
    subject: `${winner.dst} (${peer.node})`,
    message: `on ${name} the row ${table.show(winner)} wins over the route to ${peer.node}'s pods, ${peer.subnet}`,
    effect: arrives ? arrivesAnyway(arrives) : cut(view, peer.family, peer.node, winner.dst),
    evidence: [rows(name, table.show, right ? [...winners, right] : winners)],
    steps: winners.map((w) => step(name, routeDelete(w))),
    peers: [peer.node],
    dependsOn: [token.lease(name), token.lease(peer.node), token.bridge(name), token.underlay(name, peer.node)],
    breaks: [token.route(name, peer.node)],
  };
}

/** An address that a prefix decides: its own for a host route, else one that could be a pod's. */
export const insideOf = (dst: Prefix): string => hostOf(dst, lengthOf(dst) >= (dst.includes(':') ? 127 : 31) ? 0 : 2);
