import {routeReplace} from '../kernel/commands.js';
import {route as table} from '../kernel/route.js';
import {aimedAt, listing} from './pair.js';
import {step} from './remedy.js';
import {absent, type NodeRule} from './rule.js';
import {token} from './token.js';

export const routeMissing: NodeRule = {
  id: 'route-missing',
  scope: 'node',
  stage: 'route',
  severity: 'error',
  holds: "Every node has a route to every other node's pod subnet.",
  cause:
    'A link flap, a network restart or another program removed the route; vxlan never repairs it, host-gw within ten seconds while flanneld runs.',
  effect: "Packets to the peer's pods follow the default route and are lost; the way back may still work.",
  remedy: 'Write the route again (or restart flanneld on the node, which replays every lease).',
  restarts: 'node',
  fix: 'safe',
  // A node that missed a peer's lease lacks all three of its rows.
  replay: true,
  needs: ['route'],
  // Where the cloud carries packets a node's routes are to its own pods, and rules of their own are about them.
  concerns: ({cluster}) => cluster.mode?.fabric === undefined,
  *check(view) {
    const {name, changes, cluster, member, state} = view;
    const uplink = member.uplink?.name;
    // With its link down DirectRouting cannot tell which peers are on it, so the wanted row is a guess.
    const guess =
      cluster.settings?.directRouting === true && state.tables.link?.find((l) => l.ifname === uplink)?.flags.includes('UP') === false;
    for (const change of changes.route ?? []) {
      if (change.kind !== 'missing') continue;
      const {row, family} = change.want;
      const {label, pods, peers, effect} = aimedAt(view, change.want);
      yield {
        subject: label,
        message: `${name} has no route to ${pods}, ${row.dst}`,
        effect,
        evidence: [absent(name, listing(view, 'route', family), table.show(row))],
        steps: guess ? [] : [step(name, routeReplace(row))],
        peers,
        dependsOn: [
          token.lease(name),
          ...peers.flatMap((peer) => [token.lease(peer), token.news(name, peer), token.underlay(name, peer)]),
          token.forwarding(name),
          ...(row.dev ? [token.device(name, row.dev)] : []),
          ...(guess && uplink !== undefined ? [token.device(name, uplink)] : []),
        ],
        breaks: peers.map((peer) => token.route(name, peer)),
      };
    }
  },
};
