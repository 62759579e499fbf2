import {sysctlSet} from '../kernel/commands.js';
import type {NodeView} from '../model/view.js';
import {flannelTable, rulesetsOf} from './flows.js';
import {step} from './remedy.js';
import type {NodeRule} from './rule.js';
import {sysctlEvidence} from './sysctl.js';

export const sysctlBrNetfilterMissing: NodeRule = {
  id: 'sysctl-br-netfilter-missing',
  scope: 'node',
  stage: 'sysctl',
  severity: 'warning',
  holds: 'Bridged packets pass iptables (br_netfilter), where pods hang on a bridge.',
  cause: 'The module is not loaded (kubeadm does not check any more), or a sysctl reload set bridge-nf-call-iptables back to 0.',
  effect:
    "A Service answers when its pod is on another node, and times out when it is on the client's own: the answer goes back over the bridge without being translated.",
  remedy: 'Load br_netfilter and keep it in /etc/modules-load.d, and the two settings in /etc/sysctl.d.',
  fix: 'safe',
  needs: ['sysctl', 'link'],
  *check(view) {
    const {name, state, bridge, self} = view;
    if (!state.tables.link?.some((l) => l.ifname === bridge && l.kind === 'bridge')) return;
    for (const [family, key] of [
      [4, 'net/bridge/bridge-nf-call-iptables'],
      [6, 'net/bridge/bridge-nf-call-ip6tables'],
    ] as const) {
      if ((family === 4 ? self?.subnet : self?.ipv6Subnet) === undefined) continue;
      const value = state.sysctl?.get(key);
      if (value === '1') continue;
      const services = translatesServices(view, family);
      // flanneld asks for it in iptables mode only.
      if (!services && (flannelTable(view, family) || view.cluster.netConf?.enableNFTables)) continue;
      yield {
        severity: services ? 'error' : 'warning',
        subject: key.slice(11),
        message:
          value === undefined ? `br_netfilter is not loaded on ${name}` : `on ${name} bridged IPv${family} packets do not pass iptables`,
        effect: services
          ? `pods of ${name} get no answer from Services whose pod is on ${name} as well`
          : 'none now: no Services are translated by iptables here; flanneld refuses to start without it',
        evidence: [sysctlEvidence(view, key)],
        steps: [...(value === undefined ? [step(name, ['modprobe', 'br_netfilter'])] : []), step(name, sysctlSet(key, '1'))],
      };
    }
  },
};

/** Does kube-proxy translate Services with iptables here? */
const translatesServices = (view: NodeView, family: 4 | 6): boolean =>
  rulesetsOf(view, family).some((r) =>
    [...(r.tables.get('nat')?.chains.values() ?? [])].some((c) => /^KUBE-(SVC|SEP)-/.test(c.name) && c.rules.length > 0),
  );
