import {lookup} from '../forwarding/lookup.js';
import {routeDelete} from '../kernel/commands.js';
import {type Route, route as table} from '../kernel/route.js';
import type {NodeView} from '../model/view.js';
import type {Ip, Prefix} from '../net/address.js';
import {contains} from '../net/prefix.js';
import {step} from './remedy.js';
import {insideOf} from './route-shadowed.js';
import {type NodeRule, rows} from './rule.js';
import {token} from './token.js';

export const routeOwnSubnetRemote: NodeRule = {
  id: 'route-own-subnet-remote',
  scope: 'node',
  stage: 'route',
  severity: 'error',
  holds: "A node's own pod subnet is routed to its bridge only.",
  cause: 'A leftover route from when another node held the subnet, or a manual route.',
  effect: "Packets for the node's own pods are sent away again; they bounce between nodes until their TTL ends.",
  remedy: 'Delete the row that leads away.',
  fix: 'safe',
  needs: ['route'],
  *check(view) {
    const {name, changes, self, state, bridge} = view;
    const own = [self?.subnet, self?.ipv6Subnet].filter((s) => s !== undefined);
    for (const change of changes.route ?? []) {
      if (change.kind !== 'unexpected' || change.actual.type !== 'unicast') continue;
      const row = change.actual;
      const subnet = own.find((s) => contains(s, row.dst));
      if (
        subnet === undefined ||
        (row.gateway === undefined && row.nexthops === undefined && !view.cluster.mode?.ownsDevice(row.dev ?? ''))
      )
        continue;
      const wins = steals(view, row);
      yield {
        severity: wins ? 'error' : 'warning',
        subject: row.dst,
        message: `${name} routes ${row.dst === subnet ? 'its own pod subnet' : 'a part of its own pod subnet'}, ${row.dst}, away from ${bridge}`,
        effect: wins
          ? `nobody reaches the pods of ${name} in ${row.dst}, neither other nodes nor ${name} itself`
          : `none yet: no pod of ${name} is behind this row`,
        evidence: [
          rows(name, table.show, [
            row,
            ...(state.tables.route ?? []).filter((r) => r.table === 'main' && r.dst === subnet && r.dev === bridge),
          ]),
        ],
        steps: [step(name, routeDelete(row))],
        dependsOn: [token.lease(name), ...(row.dev ? [token.device(name, row.dev)] : [])],
        breaks: [token.forwarding(name)],
      };
    }
  },
};

/** Does the row decide for a pod of this node? For any address it could be, where the pods were not read. */
function steals({state}: NodeView, row: Route): boolean {
  const decides = (dst: Ip) => {
    const found = lookup(state, {dst});
    return found.kind === 'route' && found.route === row;
  };
  if (state.pods === undefined) return decides(insideOf(row.dst));
  return podAddresses(state.pods, row.dst).some(decides);
}

const podAddresses = (pods: NonNullable<NodeView['state']['pods']>, inside: Prefix): readonly Ip[] =>
  pods.flatMap((pod) => (pod.tables.address ?? []).map((a) => a.local).filter((a) => contains(inside, a)));
