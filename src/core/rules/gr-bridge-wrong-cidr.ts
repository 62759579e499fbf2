import {address as addresses} from '../kernel/address.js';
import {lengthOf} from '../net/prefix.js';
import {globalRouterRule} from './global-router.js';
import {rows} from './rule.js';
import {token} from './token.js';

export const grBridgeWrongCidr = globalRouterRule({
  id: 'gr-bridge-wrong-cidr',
  stage: 'device',
  severity: 'error',
  holds: "The bridge's address is the first one of the node's podCIDR, with its mask.",
  cause: 'The podCIDR changed, or the CNI configuration was made anew for another one while the bridge stayed.',
  effect: 'Pods get addresses that the cloud leads to another node, or to none.',
  remedy: 'Drain the node, delete the bridge, and let the pods be made anew.',
  fix: 'ask',
  needs: ['link', 'address'],
  *check({name, member}, {bridge, subnet, gateway, addresses: held, by}) {
    if (by === 'lease' || held.length === 0) return;
    if (held.some((a) => a.local === gateway && a.prefixlen === lengthOf(subnet))) return;
    const whose = by === 'record' ? `the node's podCIDR is ${subnet}` : `its pods have addresses of ${subnet}`;
    yield {
      subject: bridge,
      message: `${bridge} of ${name} has ${held.map((a) => `${a.local}/${a.prefixlen}`).join(', ')}; ${whose}`,
      evidence: [
        rows(name, addresses.show, held),
        ...(by === 'record' && member.record ? [{node: name, command: 'kubectl get node -o yaml', lines: [`podCIDR: ${subnet}`]}] : []),
      ],
      breaks: [token.bridge(name)],
    };
  },
});
