import type {NodeView} from '../../model/view.js';
import {familyOf} from '../../net/address.js';
import {hostOf, lengthOf} from '../../net/prefix.js';
import type {Draft} from './draft.js';

/**
 * Where no flanneld runs, the CNI plugin still needs its file (flannel-backends.md §5.5). IPMASQ false: apply writes no masquerade rules, so
 * that the bridge plugin has to masquerade.
 */
export function subnetEnv({state, self, cluster, member}: NodeView, draft: Draft): void {
  const {mode, settings, networks} = cluster;
  if (state.subnetEnv !== 'none' || !self || !mode || !settings || !member.uplink) return;
  const own = (key: string, subnet: string | undefined) =>
    subnet === undefined ? [] : [`${key}=${hostOf(subnet, 1)}/${lengthOf(subnet)}`];
  const of = (key: string, family: 4 | 6) => networks.filter((n) => familyOf(n) === family).map((n) => `${key}=${n}`);
  const lines = [
    ...of('FLANNEL_NETWORK', 4),
    ...own('FLANNEL_SUBNET', self.subnet),
    ...(self.ipv6Subnet === undefined ? [] : of('FLANNEL_IPV6_NETWORK', 6)),
    ...own('FLANNEL_IPV6_SUBNET', self.ipv6Subnet),
    `FLANNEL_MTU=${mode.podMtu(settings, member.uplink.mtu)}`,
    'FLANNEL_IPMASQ=false',
  ];
  const path = '/run/flannel/subnet.env';
  draft.add({on: 'file', do: 'replace', path, to: `${lines.join('\n')}\n`, before: undefined}, path);
}
