import {holderOf as cloudHolder} from '../cloud/choose.js';
import type {PodRecord} from '../flannel/records.js';
import {route as routes} from '../kernel/route.js';
import {rule as rules} from '../kernel/rule.js';
import type {NodeView} from '../model/view.js';
import type {Ip} from '../net/address.js';
import {policyRule, ruleDelete, silent} from './policy-pods.js';
import {podNamed, podsAt} from './recorded-pods.js';
import {step} from './remedy.js';
import {rows} from './rule.js';
import {token} from './token.js';

/**
 * Who has the address now, if anybody is known to: another pod of the records, of the other nodes as they were read, or an interface of what
 * the cloud says. Of what another node's rules alone speak of, nobody knows which of the two kept them too long.
 */
function holderOf({cluster, name}: NodeView, address: Ip, recorded: readonly PodRecord[]): string | undefined {
  const pod = recorded.find((p) => p.node !== undefined && p.node !== name);
  if (pod) return `${podNamed(pod)} on ${pod.node}`;
  for (const {name: other, survey} of cluster.members) {
    if (other === name) continue;
    if (survey.addresses.some((a) => a.address === address)) return `${other} itself`;
    const hung = survey.pods?.find((a) => a.address === address && (a.by.includes('pod') || a.by.includes('route')));
    if (hung) return `${hung.record ?? hung.pod ?? 'a pod'} on ${other}`;
  }
  const eni = cluster.cloud && cloudHolder(cluster.cloud, address);
  const whose = eni?.node ?? eni?.instanceId;
  return whose === undefined || whose === name ? undefined : `an interface of ${whose}`;
}

/** Where the cloud lists the node's interfaces: does none of anybody's have the address, so that no pod can come with it? */
const isNobodys = ({cluster: {cloud}, name}: NodeView, address: Ip): boolean =>
  cloud?.enis?.some((e) => e.node === name) === true && cloudHolder(cloud, address) === undefined;

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
    const routed = new Set([...(state.tables.route ?? []).map((r) => r.dev), ...pods.flatMap((p) => p.pod && p.veth?.ifname)]);
    const idle = (state.tables.link ?? []).some(
      (l) => l.kind === 'veth' && l.master === undefined && /^(eni|cali)[0-9a-f]{11}$/.test(l.ifname) && !routed.has(l.ifname),
    );
    const enis = pods.flatMap((p) => p.eni?.dev ?? []);
    const unharmed = enis.length > 0 && enis.every((dev) => silent(view, uplink, dev));
    for (const {address, to, from, host} of others) {
      const holder = holderOf(view, address, podsAt(view, address));
      // Rules without a route may as well be a pod's whose route is gone, while there is a device that nothing leads to and nobody looked behind.
      if (holder === undefined && host.length === 0 && idle) continue;
      const dead = host.filter((r) => r.flags.includes('linkdown') || !state.tables.link?.some((l) => l.ifname === r.dev));
      if (holder === undefined && host.length > 0 && dead.length === 0 && state.pods === undefined) continue;
      const all = [...to, ...from];
      yield {
        severity: holder === undefined || (host.length === 0 && unharmed) ? 'warning' : 'error',
        subject: address,
        message: `${name} has ${[...(all.length > 0 ? ['rules'] : []), ...(host.length > 0 ? ['a route'] : [])].join(' and ')} for ${address}, which is no pod of it${holder === undefined ? (isNobodys(view, address) ? ', and on no interface that the cloud lists' : '') : `: ${holder} has it`}`,
        ...(holder !== undefined && {
          effect:
            host.length > 0
              ? `${name} and its pods do not reach ${address}, ${holder}`
              : `pods of ${name} do not reach ${address}, ${holder}, where the cloud checks whose address packets carry`,
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
