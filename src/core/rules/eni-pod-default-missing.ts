import {route as routes} from '../kernel/route.js';
import {contains, tryPrefix} from '../net/prefix.js';
import {exclusivePods, exclusiveRule} from './exclusive-pods.js';
import {inPod} from './policy-pods.js';
import {absent, rows} from './rule.js';
import {token} from './token.js';

export const eniPodDefaultMissing = exclusiveRule({
  id: 'eni-pod-default-missing',
  severity: 'error',
  holds: 'A pod with a network interface of its own has a default route over it, to a gateway that is on it.',
  cause: 'The making of the pod failed half way, or something in the pod changed its routes.',
  effect: 'The pod reaches its own subnet at most, and answers nobody beyond it.',
  remedy: "Add the default route by the subnet's gateway, or make the pod anew.",
  fix: 'ask',
  needs: ['pods'],
  *check(view) {
    const {name} = view;
    for (const {pod, nic} of exclusivePods(view)) {
      if (!nic?.flags.includes('UP') || pod.families.route?.has(4) !== true) continue;
      const own = (pod.tables.route ?? []).filter((r) => r.family === 4 && r.table === 'main');
      const leads = own.find((r) => r.dst === '0.0.0.0/0' && r.type === 'unicast');
      const nets = (pod.tables.address ?? []).flatMap((a) =>
        a.dev === nic.ifname && a.family === 4 ? (tryPrefix(`${a.local}/${a.prefixlen}`) ?? []) : [],
      );
      const linked = [...nets, ...own.flatMap((r) => (r.gateway === undefined && r.dst !== '0.0.0.0/0' ? [r.dst] : []))];
      const gateway = leads?.gateway;
      const off = gateway !== undefined && !leads?.flags.includes('onlink') && !linked.some((n) => contains(n, gateway));
      if (leads && !off) continue;
      yield {
        subject: pod.name,
        message: leads
          ? `the gateway of ${pod.name} on ${name}, ${gateway}, is in none of its networks`
          : `${pod.name} on ${name} has no default route`,
        effect: `${pod.name} reaches nobody beyond its subnet, and nobody beyond it gets an answer`,
        evidence: [
          leads ? rows(name, routes.show, [leads]) : absent(name, inPod('ip route show', pod.name), `default via … dev ${nic.ifname}`),
        ],
        breaks: [token.pod(name, pod.name)],
      };
    }
  },
});
