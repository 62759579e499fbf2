import {evaluateHook} from '../kernel/netfilter/evaluate.js';
import {route as routes} from '../kernel/route.js';
import type {PolicyPod} from '../model/policy-node.js';
import type {NodeView} from '../model/view.js';
import type {Ip} from '../net/address.js';
import {opening, readable} from './flows.js';
import {called, checksSource, policyRule} from './policy-pods.js';
import {absent, rows} from './rule.js';

/** An address outside every cloud network: of the block for documentation (RFC 5737). */
const outside: Ip = '203.0.113.1';

/** A device without an address lends another's to what is masqueraded (model/cloud-modes.md §10.6). */
function masqueraded(view: NodeView, {address, veth}: PolicyPod, dev: string): boolean {
  if (!veth || !readable(view, 4)) return false;
  const packet = opening(view, 4, {src: address, dst: outside, iif: veth.ifname, oif: dev});
  return evaluateHook(view.state.netfilter[4], 'postrouting', packet).nat?.kind === 'masquerade';
}

export const vpcEniNoAddress = policyRule({
  id: 'vpc-eni-no-address',
  stage: 'device',
  severity: 'warning',
  holds: "Network interfaces of pods have an IPv4 address, the interface's own or the node's.",
  cause: 'Its DHCP lease ran out, or somebody took the address off.',
  effect:
    'Its table works until the next flush empties it; neighbours are asked, and connections masqueraded, with an address of another interface.',
  remedy: 'Restart the agent or the DHCP client that gives it its address.',
  fix: 'ask',
  needs: ['address', 'route', 'rule'],
  *check(view, {tables, uplink, pods: all}) {
    const {name, state} = view;
    for (const {table, gateway, pods} of tables) {
      const dev = gateway?.dev;
      if (!gateway || dev === undefined || dev === uplink || pods.length === 0) continue;
      if ((state.tables.address ?? []).some((a) => a.dev === dev && a.family === 4)) continue;
      const hidden = all.filter((pod) => pods.includes(pod.address) && masqueraded(view, pod, dev));
      const lost = hidden.length > 0 && checksSource(view, dev);
      yield {
        ...(lost && {severity: 'error' as const}),
        ...(hidden.length > 0 && {
          effect: `what ${hidden.map(called).join(', ')} ${hidden.length === 1 ? 'sends' : 'send'} out of the VPC is masqueraded with the address of another interface${lost ? ', and the cloud drops it' : ': lost where the cloud checks whose address packets carry'}`,
        }),
        subject: dev,
        message: `${dev} of ${name}, where packets of pods leave by table ${table}, has no IPv4 address`,
        evidence: [absent(name, state.commands['ip-addr'] ?? 'ip addr show', `inet … dev ${dev}`), rows(name, routes.show, [gateway])],
      };
    }
  },
});
