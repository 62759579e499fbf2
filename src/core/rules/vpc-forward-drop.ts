import {type By, evaluateHook} from '../kernel/netfilter/evaluate.js';
import type {PolicyPod} from '../model/policy-node.js';
import type {NodeView} from '../model/view.js';
import type {Ip} from '../net/address.js';
import {byEvidence, isNative, opening, readable, rulesetsOf, toolOf} from './flows.js';
import {called, policyRule} from './policy-pods.js';
import {step} from './remedy.js';
import type {Step} from './rule.js';
import {token} from './token.js';

export const vpcForwardDrop = policyRule({
  id: 'vpc-forward-drop',
  stage: 'firewall',
  severity: 'error',
  holds: 'FORWARD accepts packets from and to pods with addresses of the VPC.',
  cause:
    'The policy of FORWARD is DROP (Docker, ufw, a hardening script); the agents of these networks write no accepts, since a node of theirs starts with ACCEPT.',
  effect: 'The pods of the node reach their node alone, and no one but their node reaches them.',
  remedy: "Accept in FORWARD what comes from the pods' veths and what goes to them, or set its policy to ACCEPT as the node's image did.",
  fix: 'ask',
  needs: ['iptables', 'rule', 'route'],
  confirms: ['nft'],
  *check(view, {pods}) {
    const {name} = view;
    if (!readable(view, 4)) return;
    const stopped = pods.flatMap((pod) => {
      const by = stoppedBy(view, pod);
      return by === undefined ? [] : [{pod, by}];
    });
    const [first] = stopped;
    if (!first) return;
    const names = stopped.map(({pod}) => called(pod));
    yield {
      subject: 'FORWARD of pods',
      message: `${name} drops what it should forward for ${names.slice(0, 4).join(', ')}${names.length > 4 ? ` and ${names.length - 4} more` : ''}`,
      effect: `${names.length === 1 ? `${names[0]} reaches` : `${names.length} pods of ${name} reach`} nobody but ${name} itself, and nobody else reaches ${names.length === 1 ? 'it' : 'them'}`,
      evidence: [byEvidence(name, first.by)],
      // A chain of native nft is whoever's that made it.
      steps: isNative(first.by)
        ? []
        : acceptsFor(
            view,
            stopped.map(({pod}) => pod),
            first.by,
          ),
      // Where pods on a bridge share the node it is the same firewall that drops theirs.
      dependsOn: [token.forwarding(name)],
    };
  },
});

/** Any address beyond the node: of the block for documentation (RFC 5737). */
const elsewhere: Ip = '203.0.113.1';

/** What drops an opening packet out of the pod, or one to it, for certain. */
function stoppedBy(view: NodeView, {address, veth, eni}: PolicyPod): By | undefined {
  const wire = eni?.dev ?? view.member.uplink?.name;
  if (!veth || wire === undefined) return undefined;
  const out = opening(view, 4, {src: address, dst: elsewhere, iif: veth.ifname, oif: wire});
  const into = opening(view, 4, {src: elsewhere, dst: address, iif: wire, oif: veth.ifname});
  for (const packet of [out, into]) {
    const found = evaluateHook(view.state.netfilter[4], 'forward', packet);
    if ((found.verdict === 'drop' || found.verdict === 'reject') && found.by) return found.by;
  }
  return undefined;
}

/** By what all of the agent's veths are called, so that it holds for pods to come; at the end, where the policy alone drops. */
function acceptsFor(view: NodeView, pods: readonly PolicyPod[], by: By): readonly Step[] {
  const tool = toolOf(rulesetsOf(view, 4)[0], 4);
  const where = by.policy ? ['-A', 'FORWARD'] : ['-I', 'FORWARD', '1'];
  const devices = new Set(pods.flatMap(({veth}) => (veth ? [veth.ifname.replace(/^(eni|cali)[0-9a-f]{11}$/, '$1+')] : [])));
  return [...devices].flatMap((dev) => [
    step(view.name, [tool, ...where, '-i', dev, '-j', 'ACCEPT']),
    step(view.name, [tool, ...where, '-o', dev, '-j', 'ACCEPT']),
  ]);
}
