import {policyRule} from './policy-pods.js';
import {sysctlEvidence, sysctlNumber} from './sysctl.js';

export const vpcRpFilterStrict = policyRule({
  id: 'vpc-rp-filter-strict',
  stage: 'sysctl',
  severity: 'warning',
  holds: "rp_filter is not strict on the node's interfaces.",
  cause: "A distribution's sysctl.d, or a hardening guide, sets 1 for all interfaces; the greater of `all` and the interface's own counts.",
  effect:
    "Pods' own traffic is symmetric and goes on. Answers that come in by the node's interface for a pod of another one (NodePort, masquerading) are dropped unseen.",
  remedy: 'Set it to 0 (TKE, Terway) or 2 (AWS), in /etc/sysctl.d too.',
  fix: 'ask',
  needs: ['sysctl', 'rule', 'route'],
  *check(view, {tables, uplink, pods}) {
    const {name} = view;
    const all = sysctlNumber(view, 'net/ipv4/conf/all/rp_filter') ?? 0;
    const enis = tables.flatMap((t) => (t.pods.length === 0 || t.gateway?.dev === undefined ? [] : [t.gateway.dev]));
    const strict = [...new Set([...(uplink === undefined ? [] : [uplink]), ...enis])].filter(
      (dev) => Math.max(all, sysctlNumber(view, `net/ipv4/conf/${dev}/rp_filter`) ?? 0) === 1,
    );
    if (strict.length === 0 || pods.length === 0) return;
    yield {
      subject: strict.join(', '),
      message: `rp_filter is strict on ${strict.join(' and ')} of ${name}`,
      evidence: [sysctlEvidence(view, 'net/ipv4/conf/all/rp_filter', ...strict.map((dev) => `net/ipv4/conf/${dev}/rp_filter`))],
    };
  },
});
