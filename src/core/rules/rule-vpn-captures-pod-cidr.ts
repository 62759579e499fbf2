import {route as routeTable} from '../kernel/route.js';
import {rule as table} from '../kernel/rule.js';
import {familyOf} from '../net/address.js';
import {isCloudSetup} from './nm-cloud-setup-on-flannel.js';
import {type Capture, captures} from './policy.js';
import {step} from './remedy.js';
import {type NodeRule, rows} from './rule.js';
import {token} from './token.js';

export const ruleVpnCapturesPodCidr: NodeRule = {
  id: 'rule-vpn-captures-pod-cidr',
  scope: 'node',
  stage: 'policy',
  severity: 'error',
  holds: 'No policy rule sends pod packets to another table than main.',
  cause:
    'A VPN client (Tailscale, strongSwan, wg-quick) or a script added a rule whose table has a route for the pod network, or a default route.',
  effect: "flannel's routes are right and never looked at; packets go into the VPN, or are refused.",
  remedy: 'Stop the VPN from accepting routes for the pod network, or let the pod network be looked up in main before its rule.',
  fix: 'ask',
  needs: ['rule', 'route'],
  *check(view) {
    const {name, cluster} = view;
    for (const capture of captures(view)) {
      if (isCloudSetup(capture.rule)) continue;
      const {rule, route, to, family} = capture;
      const networks = cluster.networks.filter((n) => familyOf(n) === family);
      const before = rule.priority - 1;
      yield {
        subject: `rule ${rule.priority}`,
        message: `on ${name} the policy rule "${table.show(rule)}" takes pod packets away from the main table`,
        effect: captureEffect(name, capture),
        evidence: [rows(name, table.show, [rule]), ...(route ? [rows(name, routeTable.show, [route])] : [])],
        // Priority 0 is the local table's; nothing of ours goes before it.
        ...(before > 0 && {
          steps: networks.map((n) =>
            step(name, ['ip', ...(family === 6 ? ['-6'] : []), 'rule', 'add', 'to', n, 'lookup', 'main', 'pref', String(before)]),
          ),
        }),
        peers: to,
        breaks: [token.forwarding(name)],
      };
    }
  },
};

/** Which pods are cut off; a long list of peers is counted. */
export function captureEffect(name: string, {to, own}: Capture): string {
  const peers = to.length > 5 ? `${to.length} other nodes` : to.join(', ');
  return [
    ...(to.length > 0 ? [`pods of ${name} cannot reach pods of ${peers}`] : []),
    ...(own ? [`packets for the pods of ${name} itself go astray`] : []),
  ].join('; ');
}
