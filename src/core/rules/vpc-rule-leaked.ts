import {route as routes} from '../kernel/route.js';
import {rule as rules} from '../kernel/rule.js';
import type {NodeView} from '../model/view.js';
import type {Ip} from '../net/address.js';
import {policyRule, ruleDelete, silent} from './policy-pods.js';
import {podNamed, podsAt} from './recorded-pods.js';
import {step} from './remedy.js';
import {rows} from './rule.js';
import {token} from './token.js';

/** Who has the address now, if anybody is known to: another pod of the records, or of what the cloud says. */
function holderOf(view: NodeView, address: Ip): string | undefined {
  const [pod] = podsAt(view, address);
  if (pod && pod.node !== undefined && pod.node !== view.name) return `${podNamed(pod)} on ${pod.node}`;
  const eni = view.cluster.cloud?.enis?.find((e) => e.addresses.some((a) => a.address === address));
  if (eni?.node !== undefined && eni.node !== view.name) return `an interface of ${eni.node}`;
  return undefined;
}

export const vpcRuleLeaked = policyRule({
  id: 'vpc-rule-leaked',
  severity: 'warning',
  holds: 'Rules and routes for a pod are there only while the pod is on the node.',
  cause: 'The agent was down, or crashed, when the pod was deleted.',
  effect: 'Should another node have the address now, packets of this node to it go nowhere.',
  remedy: 'Look a second time (a pod may just be coming or going), then delete the rows.',
  fix: 'ask',
  needs: ['rule', 'route'],
  *check(view, {others, pods, uplink}) {
    const {name, state} = view;
    const routed = new Set((state.tables.route ?? []).map((r) => r.dev));
    const idle = (state.tables.link ?? []).some(
      (l) => l.kind === 'veth' && l.master === undefined && /^(eni|cali)[0-9a-f]{11}$/.test(l.ifname) && !routed.has(l.ifname),
    );
    const enis = pods.flatMap((p) => p.eni?.dev ?? []);
    const unharmed = enis.length > 0 && enis.every((dev) => silent(view, uplink, dev));
    for (const {address, to, from, host} of others) {
      const holder = holderOf(view, address);
      // Rules without a route may as well be a pod's whose route is gone, while there is a device that nothing leads to.
      if (holder === undefined && host.length === 0 && idle) continue;
      const dead = host.filter((r) => r.flags.includes('linkdown') || !state.tables.link?.some((l) => l.ifname === r.dev));
      if (holder === undefined && host.length > 0 && dead.length === 0 && state.pods === undefined) continue;
      const all = [...to, ...from];
      yield {
        severity: holder === undefined || (host.length === 0 && unharmed) ? 'warning' : 'error',
        subject: address,
        message: `${name} has ${[...(all.length > 0 ? ['rules'] : []), ...(host.length > 0 ? ['a route'] : [])].join(' and ')} for ${address}, which is no pod of it${holder === undefined ? '' : `: ${holder} has it`}`,
        ...(holder !== undefined && {
          effect: `${host.length > 0 ? `${name} and its pods do` : `pods of ${name} do`} not reach ${address}, ${holder}, where the cloud checks whose address packets carry`,
        }),
        evidence: [...(all.length > 0 ? [rows(name, rules.show, all)] : []), ...(host.length > 0 ? [rows(name, routes.show, host)] : [])],
        steps: [
          ...all.map((r) => ruleDelete(name, r)),
          ...host.map((r) => step(name, ['ip', 'route', 'del', address, ...(r.dev === undefined ? [] : ['dev', r.dev])])),
        ],
        breaks: [token.pod(name, address)],
      };
    }
  },
});
