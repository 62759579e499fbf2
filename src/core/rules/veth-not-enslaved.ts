import {lookup} from '../forwarding/lookup.js';
import {link as table} from '../kernel/link.js';
import {globalRouter} from '../model/bridged-node.js';
import {podPorts} from '../model/pod-port.js';
import {contains} from '../net/prefix.js';
import {bridgeOf} from './bridge-state.js';
import {enslave} from './cni0-missing.js';
import {type NodeRule, rows} from './rule.js';
import {token} from './token.js';

export const vethNotEnslaved: NodeRule = {
  id: 'veth-not-enslaved',
  scope: 'node',
  stage: 'pod',
  severity: 'error',
  holds: "The node's end of every pod's interface is up and a port of the bridge.",
  cause: 'A network manager or a person took the port off, or the making of the pod failed half way.',
  effect: 'The pod reaches nobody and nobody reaches it.',
  remedy: 'Put the port back on the bridge, and find out who took it off; or make the pod anew.',
  fix: 'ask',
  needs: ['link', 'pods'],
  // Global Router's bridge has rules of its own.
  concerns: (view) => !globalRouter(view),
  *check(view) {
    const {name, bridge, self, state} = view;
    if (!bridgeOf(view)) return;
    const subnets = [self?.subnet, self?.ipv6Subnet].filter((s) => s !== undefined);
    for (const {pod, host, addresses} of podPorts(view)) {
      const own = addresses.filter((a) => subnets.some((s) => contains(s, a.local)));
      if (!host || own.length === 0) continue;
      const off = host.master !== bridge;
      const down = !host.flags.includes('UP');
      if (!off && !down) continue;
      // A plugin without bridge routes each pod to its own device; such a pod needs no port.
      const way = lookup(state, {dst: own[0]!.local});
      if (off && way.kind === 'route' && way.route.dev !== bridge && way.route.dev === host.ifname) continue;
      yield {
        subject: `${host.ifname} (${pod.name})`,
        message: `${host.ifname} on ${name}, the end of ${pod.name}, is ${[...(off ? [host.master === undefined ? `not a port of ${bridge}` : `a port of ${host.master}, not ${bridge}`] : []), ...(down ? ['down'] : [])].join(' and ')}`,
        effect: `${pod.name} (${own.map((a) => a.local).join(', ')}) is cut off`,
        evidence: [rows(name, table.show, [host])],
        steps: enslave(view, host.ifname),
        dependsOn: [token.bridge(name)],
        breaks: [token.pod(name, pod.name)],
      };
    }
  },
};
