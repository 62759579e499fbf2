import {type FamilyLease, type Lease, leaseOf} from '../flannel/lease.js';
import {lookup} from '../forwarding/lookup.js';
import {neigh as table} from '../kernel/neigh.js';
import {route as routes} from '../kernel/route.js';
import {podPorts} from '../model/pod-port.js';
import type {Family} from '../net/address.js';
import {hostOf} from '../net/prefix.js';
import {looked} from '../node/state.js';
import {bridgeFamilies, bridgeOf} from './bridge-state.js';
import {absent, type NodeRule, rows} from './rule.js';
import {token} from './token.js';

export const podGatewayNeighbourBad: NodeRule = {
  id: 'pod-gateway-neighbour-bad',
  scope: 'node',
  stage: 'pod',
  severity: 'error',
  holds: "Every pod sends to its gateway, under the bridge's hardware address.",
  cause: "The bridge was made anew under a running pod, the pod's routes were changed, or its neighbour entry was pinned.",
  effect: 'What the pod sends beyond its own node goes to nobody.',
  remedy: 'Make the pod anew, or inside it delete the neighbour entry and put the default route back.',
  fix: 'no',
  needs: ['pods', 'link', 'address'],
  *check(view) {
    const {name, peers} = view;
    const device = bridgeOf(view);
    if (!device) return;
    const families = bridgeFamilies(view).filter((f) => f.right);
    for (const {pod, eth, addresses} of podPorts(view)) {
      for (const {family, gateway} of families) {
        if (!addresses.some((a) => a.family === family)) continue;
        // An entry that is not pinned is asked for again within a minute.
        const pinned = (pod.tables.neigh ?? []).find(
          (n) => n.dst === gateway && n.dev === eth.ifname && n.state.includes('PERMANENT') && n.lladdr !== device.address,
        );
        if (pinned) {
          yield {
            subject: pod.name,
            message: `${pod.name} on ${name} has ${pinned.lladdr} pinned for its gateway ${gateway}, which has ${device.address ?? 'none'}`,
            effect: `${pod.name} reaches nothing beyond its own node`,
            evidence: [rows(name, table.show, [pinned])],
            dependsOn: [token.lease(name), token.bridge(name)],
            breaks: [token.pod(name, pod.name)],
          };
        }
        const peer = firstOf(peers, family);
        if (!peer || !looked(pod, 'route', family)) continue;
        const way = lookup(pod, {dst: hostOf(peer.subnet, 2)});
        // A second interface may carry the pod network on purpose; a way through this one must go by the gateway.
        const right = way.kind === 'unknown' || (way.kind === 'route' && (way.route.dev !== eth.ifname || way.route.gateway === gateway));
        if (right) continue;
        yield {
          subject: pod.name,
          message:
            way.kind === 'route'
              ? `${pod.name} on ${name} sends to other nodes' pods ${way.route.gateway === undefined ? 'without a gateway' : `through ${way.route.gateway}`}, its gateway is ${gateway}`
              : `${pod.name} on ${name} has no route to other nodes' pods`,
          effect: `${pod.name} reaches no pod of other nodes over IPv${family}`,
          evidence: [
            way.kind === 'route'
              ? rows(name, routes.show, [way.route])
              : absent(name, `ip route show (in ${pod.name})`, `default via ${gateway}`),
          ],
          dependsOn: [token.lease(name), token.bridge(name), token.cni(name)],
          breaks: [token.pod(name, pod.name)],
        };
      }
    }
  },
};

function firstOf(peers: readonly Lease[], family: Family): FamilyLease | undefined {
  for (const peer of peers) {
    const lease = leaseOf(peer, family);
    if (lease) return lease;
  }
  return undefined;
}
