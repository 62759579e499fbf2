import {leaseOf} from '../../flannel/lease.js';
import {lookup} from '../../forwarding/lookup.js';
import {policyNode} from '../../model/policy-node.js';
import type {NodeView} from '../../model/view.js';
import {modes} from '../../modes/index.js';
import {baseOf, hostOf} from '../../net/prefix.js';
import {followers} from '../operations/sysctl.js';
import type {Draft} from './draft.js';

function set(draft: Draft, key: string, to: string): void {
  const before = draft.state.sysctl?.get(key);
  if (before === undefined || before === to) return;
  // Off again means off everywhere: what was on before must find its own way back.
  for (const other of followers(draft.state, key)) {
    const value = draft.state.sysctl?.get(other);
    if (value === to && other.includes('/conf/') && !/\/(all|default)\//.test(other))
      draft.add({on: 'sysctl', do: 'replace', key: other, to: value, before: value}, other);
  }
  draft.add({on: 'sysctl', do: 'replace', key, to, before}, key);
}

/** Forwarding in both families, and bridged packets through iptables, where flannel asks for it. */
export function forwarding(view: NodeView, draft: Draft): void {
  const {self, bridge, member, cluster, state} = view;
  if (self?.subnet !== undefined || policyNode(view)) {
    if (draft.state.sysctl?.get('net/ipv4/ip_forward') === '0') set(draft, 'net/ipv4/ip_forward', '1');
    const tunnels = (state.tables.link ?? []).filter((l) => modes.some((mode) => mode.ownsDevice(l.ifname)));
    for (const dev of [bridge, member.uplink?.name, ...tunnels.map((l) => l.ifname)])
      if (draft.state.sysctl?.get(`net/ipv4/conf/${dev}/forwarding`) === '0') set(draft, `net/ipv4/conf/${dev}/forwarding`, '1');
  }
  if (self?.ipv6Subnet !== undefined && draft.state.sysctl?.get('net/ipv6/conf/all/forwarding') === '0')
    set(draft, 'net/ipv6/conf/all/forwarding', '1');
  // With nftables flanneld does not ask for it.
  const nft = ([4, 6] as const).some((f) => state.netfilter[f].nft?.tables.some((t) => t.name.startsWith('flannel-ipv')));
  if (nft || cluster.netConf?.enableNFTables || !state.tables.link?.some((l) => l.ifname === bridge && l.kind === 'bridge')) return;
  if (self?.subnet !== undefined) set(draft, 'net/bridge/bridge-nf-call-iptables', '1');
  if (self?.ipv6Subnet !== undefined) set(draft, 'net/bridge/bridge-nf-call-ip6tables', '1');
}

/** A peer's way to this node: by the uplink, or by the tunnel. */
export type Incoming = (peer: string) => 'uplink' | 'tunnel' | undefined;

/** Loose rp_filter on a device where packets of a peer come in while answers leave by another one, as all rows are now right. */
export function reversePath({self, peers, member, cluster, bridge}: NodeView, draft: Draft, incoming: Incoming): void {
  const mine = self && leaseOf(self, 4);
  const tunnel = cluster.settings && cluster.mode?.devices(cluster.settings).find((d) => d.family === 4)?.name;
  if (!mine || !draft.state.families.route?.has(4)) return;
  const number = (key: string) => Number(draft.state.sysctl?.get(key) ?? 0);
  for (const other of peers) {
    const peer = leaseOf(other, 4);
    const way = incoming(other.node);
    const dev = way === undefined ? undefined : way === 'uplink' ? member.uplink?.name : tunnel;
    if (!peer || dev === undefined) continue;
    const key = `net/ipv4/conf/${dev}/rp_filter`;
    if (Math.max(number('net/ipv4/conf/all/rp_filter'), number(key)) !== 1) continue;
    const found = lookup(draft.state, {dst: hostOf(peer.subnet, 2), src: hostOf(mine.subnet, 2), iif: bridge});
    if (found.kind !== 'route' || found.route.dev === dev || found.route.nexthops?.some((n) => n.dev === dev)) continue;
    set(draft, key, '2');
  }
}

/** By which way a node sends to a subnet, from its own table. */
export function wayTo(draft: Draft, subnet: string, publicIP: string): 'uplink' | 'tunnel' | undefined {
  const row = (draft.state.tables.route ?? []).find((r) => r.dst === subnet && r.table === 'main' && r.type === 'unicast');
  return row?.gateway === publicIP ? 'uplink' : row?.gateway === baseOf(subnet) ? 'tunnel' : undefined;
}
