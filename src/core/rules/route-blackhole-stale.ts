import {routeDelete, routeReplace} from '../kernel/commands.js';
import {type Route, route as table} from '../kernel/route.js';
import {comparisons} from '../model/diff.js';
import {overlaps} from '../net/prefix.js';
import {aimedAt, coversPeers, cut, peerOver} from './pair.js';
import {step} from './remedy.js';
import {type NodeRule, rows} from './rule.js';
import {token} from './token.js';

const refusing = (row: Route): boolean => ['blackhole', 'unreachable', 'prohibit', 'throw'].includes(row.type);

export const routeBlackholeStale: NodeRule = {
  id: 'route-blackhole-stale',
  scope: 'node',
  stage: 'route',
  severity: 'error',
  holds: 'No route refuses packets to pods of other nodes.',
  cause:
    "flannel's --ip-blackhole-route adds a blackhole for the node's subnet and never removes an earlier one; or a person shut a range off.",
  effect: 'The kernel throws packets for these pods away without a word.',
  remedy: "Delete the refusing route, and write the peer's own again where it took its place.",
  fix: 'safe',
  needs: ['route'],
  *check(view) {
    const {name, changes, self} = view;
    const own = [self?.subnet, self?.ipv6Subnet].filter((s) => s !== undefined);
    for (const change of changes.route ?? []) {
      const found =
        change.kind === 'differs'
          ? change.actual.filter(refusing)
          : change.kind === 'unexpected' && refusing(change.actual)
            ? [change.actual]
            : [];
      for (const row of found) {
        if (change.kind === 'differs' && row !== change.actual[0]) continue;
        // Blocks of the node's own addresses are normal with Calico's IPAM and with canal, which have a host route for each pod.
        const wide = change.kind === 'differs' && change.want.peer === undefined ? aimedAt(view, change.want) : undefined;
        if (!wide && own.some((s) => overlaps(s, row.dst))) continue;
        const peer = peerOver(view, row.dst);
        // A wide one below the subnets' own routes only catches what has no owner.
        if (!wide && !peer && !view.cluster.complete) continue;
        if (!wide && !peer && coversPeers(view, row.dst)) continue;
        const replaced =
          change.kind === 'differs' && !change.actual.some((a) => comparisons.route.differences(change.want.row, a).length === 0);
        yield {
          severity: peer || wide ? 'error' : 'warning',
          subject: peer ? `${row.dst} (${peer.node})` : row.dst,
          message: peer
            ? `${name} refuses packets to ${row.dst}, pods of ${peer.node} (${row.type} route)`
            : wide
              ? `${name} refuses packets to ${wide.pods} (${row.type} route for ${row.dst})`
              : `${name} has a ${row.type} route for ${row.dst}, which is no subnet of its own`,
          effect: peer
            ? cut(view, peer.family, peer.node, row.dst)
            : wide
              ? wide.effect
              : 'none yet; a node that gets this subnet is unreachable from here',
          evidence: [rows(name, table.show, [row])],
          steps: [
            step(name, routeDelete(row)),
            ...(replaced && change.kind === 'differs' ? [step(name, routeReplace(change.want.row))] : []),
          ],
          ...(peer && {peers: [peer.node], breaks: [token.route(name, peer.node)]}),
          ...(wide && {peers: wide.peers, breaks: wide.peers.map((p) => token.route(name, p))}),
          dependsOn: [token.lease(name), ...(peer ? [token.lease(peer.node)] : [])],
        };
      }
    }
  },
};
