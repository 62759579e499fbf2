import {sysctlSet} from '../kernel/commands.js';
import {route as routeTable} from '../kernel/route.js';
import {step} from './remedy.js';
import {type NodeRule, rows} from './rule.js';
import {sysctlEvidence} from './sysctl.js';
import {token} from './token.js';

export const sysctlIpv6Forwarding: NodeRule = {
  id: 'sysctl-ipv6-forwarding',
  scope: 'node',
  stage: 'sysctl',
  severity: 'error',
  holds: 'A node with an IPv6 pod subnet forwards IPv6 packets, and keeps its own IPv6 default route while it does.',
  cause:
    "The setting is off by default and is forgotten where IPv4's was set; or the default route comes from router advertisements, which a forwarding host ignores.",
  effect: 'IPv4 works and IPv6 pods are cut off; or the node loses its IPv6 way out some minutes after boot.',
  remedy: 'Set it, and keep it set in /etc/sysctl.d; accept_ra=2 keeps advertisements working on a node that forwards.',
  fix: 'ask',
  needs: ['sysctl'],
  *check(view) {
    const {name, state, self, member, bridge} = view;
    if (self?.ipv6Subnet === undefined) return;
    const sysctl = state.sysctl!;
    const all = 'net/ipv6/conf/all/forwarding';
    if (sysctl.get(all) === '0') {
      yield {
        subject: 'IPv6 forwarding',
        message: `${name} does not forward IPv6 packets`,
        effect: `IPv6 pods of ${name} (${self.ipv6Subnet}) reach nothing beyond the node, and nothing beyond the node reaches them`,
        evidence: [sysctlEvidence(view, all)],
        steps: [step(name, sysctlSet(all, '1'))],
        breaks: [token.forwarding(name)],
      };
    }
    for (const dev of [bridge, member.uplink?.name]) {
      const key = `net/ipv6/conf/${dev}/disable_ipv6`;
      if (dev === undefined || sysctl.get(key) !== '1') continue;
      yield {
        subject: dev,
        message: `IPv6 is disabled on ${dev} of ${name}, which has the IPv6 pod subnet ${self.ipv6Subnet}`,
        effect: `IPv6 pods of ${name} are cut off`,
        evidence: [sysctlEvidence(view, key)],
        steps: [step(name, sysctlSet(key, '0'))],
        dependsOn: [token.device(name, dev), ...(dev === bridge ? [token.bridge(name)] : [])],
      };
    }
    const uplink = member.uplink?.name;
    const advertised = (state.tables.route ?? []).find(
      (r) => r.family === 6 && r.dst === '::/0' && r.protocol === 'ra' && r.dev === uplink,
    );
    const accept = `net/ipv6/conf/${uplink}/accept_ra`;
    if (advertised && sysctl.get(accept) === '1' && sysctl.get(all) === '1') {
      yield {
        severity: 'warning',
        subject: `default route on ${uplink}`,
        message: `${name} forwards IPv6, so it will not renew its default route, which came by router advertisement on ${uplink}`,
        effect: `${name} loses its IPv6 way out when the advertised route expires`,
        evidence: [sysctlEvidence(view, accept, all), rows(name, routeTable.show, [advertised])],
        steps: [step(name, sysctlSet(accept, '2'))],
      };
    }
  },
};
