import {lookup} from '../forwarding/lookup.js';
import {route as routes} from '../kernel/route.js';
import {deviceFor, emptied} from '../model/eni-tables.js';
import {listing} from './pair.js';
import {called, cloudEvidence, policyRule, silent} from './policy-pods.js';
import {step} from './remedy.js';
import {absent, rows} from './rule.js';
import {sysctlNumber} from './sysctl.js';
import {token} from './token.js';

export const vpcRuleFromPodMissing = policyRule({
  id: 'vpc-rule-from-pod-missing',
  severity: 'warning',
  holds: "Packets of a pod are led to the table of the pod's network interface.",
  cause: 'The agent that writes the rules failed half way, systemd-networkd removed foreign rules, or somebody flushed them.',
  effect:
    "Its packets leave by the node's own interface: a cloud that checks where packets come from drops them, and without that check nobody notices.",
  remedy: 'Add the rule again, with the table of the interface that has the address.',
  fix: 'safe',
  needs: ['rule', 'route'],
  *check(view, node) {
    const {pods, tables, uplink, fromPriority} = node;
    const {name, state, cluster} = view;
    for (const pod of pods) {
      const {eni, address} = pod;
      if (pod.from.length > 0 || eni === undefined || eni.dev === uplink || (pod.to.length === 0 && pod.host.length === 0)) continue;
      // One that was emptied is still the interface's.
      const table =
        tables.find((t) => t.gateway?.dev === eni.dev)?.table ??
        emptied(view, node).find((t) => deviceFor(view, node, t) === eni.dev)?.table;
      const out = state.tables.route?.find((r) => r.table === 'main' && r.dst === '0.0.0.0/0' && r.dev === uplink)?.gateway;
      const way = out === undefined ? undefined : lookup(state, {dst: out, src: address, ...(pod.veth && {iif: pod.veth.ifname})});
      const leaves = way?.kind === 'route' ? way.route : undefined;
      if (leaves?.dev === eni.dev) continue;
      const holders = (cluster.cloud?.enis ?? []).filter((e) => e.addresses.some((a) => a.address === address));
      const strict = Math.max(...['all', eni.dev].map((d) => sysctlNumber(view, `net/ipv4/conf/${d}/rp_filter`) ?? 0)) === 1;
      // What the cloud's data say of its checks is known for AWS only; Tencent and Alibaba have no such attribute, and check.
      const checked = strict || (holders.length > 0 && !silent(view, leaves?.dev ?? uplink, eni.dev));
      yield {
        severity: checked ? 'error' : 'warning',
        subject: called(pod),
        message: `${name} has no rule that leads packets from its pod ${called(pod)} to the table of ${eni.dev}`,
        effect: checked
          ? `${called(pod)} reaches nobody beyond ${name}, and nobody beyond it gets an answer`
          : `packets of ${called(pod)} leave by ${leaves?.dev ?? uplink ?? 'another interface'}: lost where the cloud checks whose address they carry`,
        evidence: [
          absent(name, listing(view, 'rule', 4), `${fromPriority}: from ${address} lookup ${table ?? `(the table of ${eni.dev})`}`),
          ...(leaves ? [rows(name, routes.show, [leaves])] : []),
          ...(holders.length > 0 ? [cloudEvidence(view, holders)] : []),
        ],
        steps:
          table === undefined ? [] : [step(name, ['ip', 'rule', 'add', 'from', address, 'lookup', table, 'pref', String(fromPriority)])],
        dependsOn: [token.forwarding(name), token.device(name, eni.dev)],
        breaks: [token.pod(name, address)],
      };
    }
  },
});
