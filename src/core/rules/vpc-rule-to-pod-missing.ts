import {lookup} from '../forwarding/lookup.js';
import {route as routes} from '../kernel/route.js';
import {listing} from './pair.js';
import {called, policyRule} from './policy-pods.js';
import {step} from './remedy.js';
import {absent, rows} from './rule.js';
import {token} from './token.js';

export const vpcRuleToPodMissing = policyRule({
  id: 'vpc-rule-to-pod-missing',
  severity: 'error',
  holds: 'Packets to a pod of the node are led to the main table, before any rule about their sender.',
  cause: 'The agent that writes the rules failed half way, systemd-networkd removed foreign rules, or somebody flushed them.',
  effect:
    'Pods of the same node send to it by their own interface and the cloud brings it back to them, until the packet has lived too long.',
  remedy: 'Add the rule again; find out who takes rules away.',
  fix: 'safe',
  needs: ['rule', 'route'],
  *check(view, {pods, toPriority}) {
    const {name, state} = view;
    for (const pod of pods) {
      if (pod.to.length > 0 || (pod.from.length === 0 && pod.host.length === 0)) continue;
      const asking = pods.find((p) => p !== pod && p.from.length > 0);
      const way = asking && lookup(state, {dst: pod.address, src: asking.address, ...(asking.veth && {iif: asking.veth.ifname})});
      const astray = way?.kind === 'route' && way.route.dev !== pod.host[0]?.dev ? way.route : undefined;
      yield {
        subject: called(pod),
        message: `${name} has no rule that leads packets to its pod ${called(pod)} to the main table`,
        effect:
          astray === undefined
            ? `any pod of ${name} with an interface of its own table loses it`
            : `pods of ${name} do not reach ${called(pod)}, nor it them: packets leave by ${astray.dev} and come back; everybody else reaches it`,
        evidence: [
          absent(name, listing(view, 'rule', 4), `${toPriority}: from all to ${pod.address} lookup main`),
          ...(astray ? [rows(name, routes.show, [astray])] : []),
        ],
        steps: [step(name, ['ip', 'rule', 'add', 'to', pod.address, 'lookup', 'main', 'pref', String(toPriority)])],
        dependsOn: [token.forwarding(name)],
        breaks: [token.pod(name, pod.address)],
      };
    }
  },
});
