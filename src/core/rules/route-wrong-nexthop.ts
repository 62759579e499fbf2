import {routeDelete, routeReplace} from '../kernel/commands.js';
import {type Route, route as table} from '../kernel/route.js';
import {comparisons} from '../model/diff.js';
import {aimedAt, arrivesAnyway, carries, isTunnel, peerNamed} from './pair.js';
import {step} from './remedy.js';
import {type NodeRule, rows, type Step} from './rule.js';
import {token} from './token.js';

export const routeWrongNexthop: NodeRule = {
  id: 'route-wrong-nexthop',
  scope: 'node',
  stage: 'route',
  severity: 'error',
  holds: "The route to each peer's pod subnet has the gateway and the device that the backend gives it.",
  cause:
    'The peer changed its address, the backend was switched on one side only, or somebody edited the route; host-gw does not replace a wrong route.',
  effect: "Packets to the peer's pods go somewhere else.",
  remedy: 'Replace the route by the one that the backend would write.',
  fix: 'safe',
  needs: ['route'],
  // Where the cloud carries packets a node's routes are to its own pods, and rules of their own are about them.
  concerns: ({cluster}) => cluster.mode?.fabric === undefined,
  *check(view) {
    const {name, changes, cluster} = view;
    for (const change of changes.route ?? []) {
      if (change.kind !== 'differs') continue;
      const {actual, want} = change;
      const {row, family, peer} = want;
      const [used] = actual;
      // Refusing rows have route-blackhole-stale; a right row behind a better one has route-shadowed.
      if (used.type !== 'unicast' || actual.some((a) => comparisons.route.differences(row, a).length === 0)) continue;
      const lease = peerNamed(view, peer, family);
      const arrives = change.fields.join() === 'onlink' ? 'straight' : lease && carries(view, used, lease);
      // A peer on the same link that is still reached through the tunnel has route-directrouting-mixed.
      if (arrives === 'straight' && cluster.settings?.directRouting && isTunnel(used.dev) && !isTunnel(row.dev)) continue;
      const {label, pods, peers, effect} = aimedAt(view, want);
      yield {
        severity: arrives ? 'warning' : 'error',
        subject: label,
        message: `${name} sends packets for ${pods} (${row.dst}) ${way(used)} instead of ${way(row)}`,
        effect: arrives ? arrivesAnyway(arrives) : effect,
        evidence: [rows(name, table.show, actual)],
        steps: replaceRoute(name, actual, row),
        peers,
        dependsOn: [
          token.lease(name),
          ...peers.flatMap((p) => [token.lease(p), token.underlay(name, p)]),
          token.forwarding(name),
          ...(row.dev ? [token.device(name, row.dev)] : []),
        ],
        breaks: peers.map((p) => token.route(name, p)),
      };
    }
  },
};

const way = ({gateway, dev, nexthops, flags}: Route): string =>
  nexthops
    ? `by ${nexthops.length} ways at once`
    : `${gateway === undefined ? 'straight onto' : `via ${gateway} on`} ${dev ?? 'no device'}${flags.includes('onlink') ? ' (onlink)' : ''}`;

/** The commands that put `row` in the place of what is there. */
export function replaceRoute(node: string, actual: readonly Route[], row: Route): readonly Step[] {
  const inPlace = (a: Route) => a.metric === row.metric && a.tos === row.tos;
  // `replace` leaves rows of another metric. And IPv6 refuses an onlink gateway that the old row still resolves through another device,
  // and does not replace a refusing row (flannel-backends.md §2.3).
  const first = actual.filter((a) => (row.family === 6 ? a.dev !== row.dev || !inPlace(a) : !inPlace(a)));
  return [...first.map((a) => step(node, routeDelete(a))), step(node, routeReplace(row))];
}
