import {lookup} from '../forwarding/lookup.js';
import {route as routes} from '../kernel/route.js';
import {globalRouterNode} from '../model/bridged-node.js';
import {contains} from '../net/prefix.js';
import {listing} from './pair.js';
import {called, policyRule} from './policy-pods.js';
import {step} from './remedy.js';
import {absent, rows} from './rule.js';
import {token} from './token.js';

export const grMixedRuleMissing = policyRule({
  id: 'gr-mixed-rule-missing',
  severity: 'error',
  holds: 'Where bridged pods and pods with addresses of the VPC share a node, a rule leads packets to the bridged ones to the main table.',
  cause: 'tke-bridge-agent runs without --add-rule, or somebody flushed the rules.',
  effect:
    'Between the two kinds of pods of this node packets leave by the network interface and come back, until they have lived too long; other nodes reach both.',
  remedy: 'Add the rule, and start tke-bridge-agent with --add-rule.',
  fix: 'safe',
  needs: ['rule', 'route', 'link'],
  *check(view, {pods, fromPriority}) {
    const {name, state} = view;
    const led = pods.filter((p) => p.from.length > 0);
    const node = globalRouterNode(view);
    const [asking] = led;
    if (!node?.link || !asking || !node.pods.some((p) => p.host?.master === node.bridge)) return;
    const {subnet, bridge} = node;
    const held = (state.tables.rule ?? []).some(
      (r) =>
        r.family === 4 &&
        r.priority < fromPriority &&
        r.priority > 0 &&
        r.action === 'lookup' &&
        (r.table === 'main' || r.table === '254') &&
        (r.dst === undefined || contains(r.dst, subnet)) &&
        r.src === undefined &&
        r.fwmark === undefined,
    );
    if (held) return;
    const bridged = node.pods.find((p) => p.host?.master === bridge)!;
    const way = lookup(state, {dst: bridged.address.local, src: asking.address, ...(asking.veth && {iif: asking.veth.ifname})});
    if (way.kind === 'route' && way.route.dev === bridge) return;
    yield {
      subject: subnet,
      message: `${name} has pods on ${bridge} and pods with addresses of the VPC, and no rule that leads packets to ${subnet} to the main table`,
      effect: `${led.map(called).join(', ')} and the pods on ${bridge} of ${name} do not reach each other`,
      evidence: [
        absent(name, listing(view, 'rule', 4), `1024: from all to ${subnet} lookup main`),
        ...(way.kind === 'route' ? [rows(name, routes.show, [way.route])] : []),
      ],
      steps: [step(name, ['ip', 'rule', 'add', 'to', subnet, 'lookup', 'main', 'pref', '1024'])],
      dependsOn: [token.forwarding(name)],
    };
  },
});
