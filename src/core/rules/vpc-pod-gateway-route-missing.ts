import {route as routes} from '../kernel/route.js';
import {nowhere} from '../model/policy-node.js';
import {called, inPod, policyRule, stepInPod} from './policy-pods.js';
import {absent, rows} from './rule.js';
import {token} from './token.js';

export const vpcPodGatewayRouteMissing = policyRule({
  id: 'vpc-pod-gateway-route-missing',
  stage: 'pod',
  severity: 'warning',
  holds: 'A pod has the default route over 169.254.1.1, and the route to that address.',
  cause: 'The plugin failed half way, or something in the pod changed its routes.',
  effect: 'Without the route to the gateway the default works until it is touched, and cannot be added again then.',
  remedy: 'Add the routes again.',
  fix: 'safe',
  needs: ['pods', 'link'],
  *check({name}, {pods}) {
    for (const policy of pods) {
      const {pod, eth} = policy;
      if (!pod || !eth || pod.families.route?.has(4) !== true) continue;
      const own = (pod.tables.route ?? []).filter((r) => r.family === 4 && r.table === 'main');
      const gateway = own.find((r) => r.dst === '0.0.0.0/0');
      const link = own.find((r) => r.dst === `${nowhere}/32` && r.gateway === undefined);
      const pinned = (pod.tables.neigh ?? []).some((n) => n.dst === nowhere && n.state.includes('PERMANENT'));
      // Another plugin's pod has another gateway.
      if (gateway ? gateway.gateway !== nowhere : !link && !pinned) continue;
      // Terway's default route needs none: it is `onlink`.
      if (gateway && (link || gateway.flags.includes('onlink'))) continue;
      const add = stepInPod(name, pod.name, ['ip', 'route', 'add', nowhere, 'dev', eth.ifname, 'scope', 'link']);
      const lead = stepInPod(name, pod.name, ['ip', 'route', 'add', 'default', 'via', nowhere, 'dev', eth.ifname]);
      yield {
        ...(!gateway && {severity: 'error' as const}),
        subject: called(policy),
        message: gateway
          ? `${called(policy)} on ${name} has no route to its gateway ${nowhere}`
          : `${called(policy)} on ${name} has no default route`,
        effect: gateway
          ? 'none, until something touches the default route'
          : `${called(policy)} reaches nobody, and nobody gets an answer of it`,
        evidence: [
          absent(
            name,
            inPod('ip route show', pod.name),
            gateway ? `${nowhere} dev ${eth.ifname} scope link` : `default via ${nowhere} dev ${eth.ifname}`,
          ),
          ...(gateway ? [rows(name, routes.show, [gateway])] : []),
        ],
        steps: [...(link ? [] : [add]), ...(gateway ? [] : [lead])],
        ...(!gateway && {breaks: [token.pod(name, policy.address)]}),
      };
    }
  },
});
