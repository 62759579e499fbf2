import {lookup} from '../forwarding/lookup.js';
import {routeDelete} from '../kernel/commands.js';
import {type Route, route as table} from '../kernel/route.js';
import {comparisons} from '../model/diff.js';
import type {NodeView} from '../model/view.js';
import type {Want} from '../modes/mode.js';
import type {Prefix} from '../net/address.js';
import {hostOf, lengthOf} from '../net/prefix.js';
import {aimedAt, arrivesAnyway, carries, cut, leftBehind, peerNamed, peerOver, wide} from './pair.js';
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
    const {changes, expected, state} = view;
    const wanted = new Map((expected?.route ?? []).map((w) => [w.row.dst, w]));
    for (const change of changes.route ?? []) {
      if (change.kind === 'differs') {
        const {want, actual} = change;
        const right = actual.find((a) => comparisons.route.differences(want.row, a).length === 0);
        if (right) yield* shadow(view, actual.slice(0, actual.indexOf(right)), right, want);
      } else if (change.kind === 'unexpected' && change.actual.type === 'unicast') {
        const row = change.actual;
        const lease = peerOver(view, row.dst);
        // Where the right row is not there at all, another rule says so; this row then is in its way all the same.
        const want = lease && (wanted.get(lease.subnet) ?? wide(view, lease.family));
        if (!lease || !want || (want.peer === undefined && leftBehind(view, row, lease))) continue;
        const right = (state.tables.route ?? []).find((r) => r.table === 'main' && r.dst === want.row.dst);
        yield* shadow(view, [row], right, {...want, peer: lease.node});
      }
    }
  },
};

function* shadow(view: NodeView, winners: readonly Route[], right: Route | undefined, want: Want<Route>): Iterable<Observation> {
  const {name, state, self, bridge} = view;
  const [winner] = winners;
  if (winner === undefined) return;
  const {family} = want;
  const own = family === 4 ? self?.subnet : self?.ipv6Subnet;
  const decided = lookup(state, {dst: insideOf(winner.dst), iif: bridge, ...(own !== undefined && {src: insideOf(own)})});
  if (decided.kind !== 'route' || decided.route !== winner) return;
  const lease = peerNamed(view, want.peer, family);
  const arrives = lease && carries(view, winner, lease);
  const {pods, peers, effect} = aimedAt(view, want);
  yield {
    severity: arrives ? 'warning' : 'error',
    subject: want.peer === undefined ? winner.dst : `${winner.dst} (${want.peer})`,
    message: `on ${name} the row ${table.show(winner)} wins over the route to ${pods}, ${lease?.subnet ?? want.row.dst}`,
    effect: arrives ? arrivesAnyway(arrives) : want.peer === undefined ? effect : cut(view, family, want.peer, winner.dst),
    evidence: [rows(name, table.show, right ? [...winners, right] : winners)],
    steps: winners.map((w) => step(name, routeDelete(w))),
    peers,
    dependsOn: [token.lease(name), token.bridge(name), ...peers.flatMap((p) => [token.lease(p), token.underlay(name, p)])],
    breaks: peers.map((p) => token.route(name, p)),
  };
}

/** An address that a prefix decides: its own for a host route, else one that could be a pod's. */
export const insideOf = (dst: Prefix): string => hostOf(dst, lengthOf(dst) >= (dst.includes(':') ? 127 : 31) ? 0 : 2);
