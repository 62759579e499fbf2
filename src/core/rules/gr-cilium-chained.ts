import {link as links} from '../kernel/link.js';
import {globalRouterRule} from './global-router.js';
import {rows} from './rule.js';

export const grCiliumChained = globalRouterRule({
  id: 'gr-cilium-chained',
  stage: 'policy',
  severity: 'error',
  holds: 'Cilium is not chained behind the bridge of Global Router.',
  cause: 'Cilium was added to the bridge plugin, for NetworkPolicies.',
  effect:
    "Pods of different nodes do not reach each other, while a node still reaches its own pods: what comes in of another node's pods Cilium does not know.",
  remedy: 'Use Cilium with an overlay of its own, or VPC-CNI, where TKE supports it.',
  fix: 'no',
  needs: ['link'],
  *check({name, state}, {link}) {
    const cilium = (state.tables.link ?? []).filter((l) => l.ifname === 'cilium_host');
    if (!link || cilium.length === 0) return;
    yield {
      subject: 'cilium_host',
      message: `${name} has ${link.ifname} of Global Router and devices of Cilium`,
      evidence: [rows(name, links.show, [link, ...cilium])],
    };
  },
});
