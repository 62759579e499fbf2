import {link as links} from '../kernel/link.js';
import {cloudEvidence, policyRule} from './policy-pods.js';
import {rows} from './rule.js';
import {token} from './token.js';

export const vpcEniMacMismatch = policyRule({
  id: 'vpc-eni-mac-mismatch',
  stage: 'device',
  severity: 'error',
  holds: 'The interfaces that pods leave by have the hardware addresses that the cloud knows.',
  cause: 'A script or a network manager set another address, or a device of another kind took the name.',
  effect: 'The cloud drops what comes with another hardware address.',
  remedy: 'Put the hardware address back, or detach the interface and attach it again.',
  fix: 'no',
  cloud: ['enis'],
  needs: ['link', 'route', 'rule'],
  *check(view, {tables, uplink}) {
    const {name, state, cluster} = view;
    const own = (cluster.cloud?.enis ?? []).filter((e) => e.node === name && e.mac !== undefined);
    if (own.length === 0) return;
    const devices = new Set(tables.flatMap((t) => (t.gateway?.dev === undefined || t.gateway.dev === uplink ? [] : [t.gateway.dev])));
    for (const link of state.tables.link ?? []) {
      if (!devices.has(link.ifname) || link.address === undefined || own.some((e) => e.mac === link.address)) continue;
      const unmatched = own.filter((e) => !state.tables.link?.some((l) => l.address === e.mac));
      yield {
        subject: link.ifname,
        message: `${link.ifname} of ${name} has ${link.address}, which is no hardware address of the node's interfaces`,
        effect: `pods that leave by ${link.ifname} reach nobody beyond ${name}`,
        evidence: [rows(name, links.show, [link]), cloudEvidence(view, unmatched.length > 0 ? unmatched : own)],
        breaks: [token.device(name, link.ifname)],
      };
    }
  },
});
