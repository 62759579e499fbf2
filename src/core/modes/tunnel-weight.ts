import type {Link} from '../kernel/link.js';
import type {Route} from '../kernel/route.js';
import {contains} from '../net/prefix.js';
import type {NodeState} from '../node/state.js';
import type {Detection} from './mode.js';

/** flanneld gives all its IPsec policies and associations one reqid (flannel pkg/backend/ipsec/handle_charon.go). */
export const flannelReqid = 11;

const env = (state: NodeState) => (state.subnetEnv !== undefined && state.subnetEnv !== 'none' ? state.subnetEnv : undefined);

/** The devices that flannel makes, whichever backend: by kind and name, because k3s once had a WireGuard device called `flannel.1`. */
export const isFlannelTunnel = ({kind, ifname}: Link): boolean =>
  (kind === 'vxlan' && /^flannel(-v6)?\.\d+$/.test(ifname)) ||
  (kind === 'ipip' && ifname === 'flannel.ipip') ||
  (kind === 'wireguard' && (/^flannel-wg(-v6)?$/.test(ifname) || ifname === 'flannel.1')) ||
  (kind === 'tun' && /^flannel\d+$/.test(ifname));

/**
 * How much a tunnel device says of the mode that a node runs: 3 with routes that use it, 2 when the pods were given what fits into it,
 * 1 when neither, or when flanneld's last start was that of another tunnel: it writes subnet.env, and the MTU in it is that device's
 * (a change of the backend leaves device and routes, model/flannel-backends.md §9.1).
 */
export function tunnelWeight(state: NodeState, device: Link, used: boolean, lower: Link | undefined): Detection['weight'] {
  const mtu = env(state)?.mtu;
  const others = (state.tables.link ?? []).filter((l) => isFlannelTunnel(l) && l.kind !== device.kind);
  if (mtu !== undefined && mtu !== device.mtu && others.some((l) => l.mtu === mtu)) return 1;
  if (used && !underPolicies(state)) return 3;
  // An interface whose MTU was lowered later says nothing where the device has what the pods were given.
  return mtu === undefined || lower === undefined || mtu < lower.mtu || mtu === device.mtu ? 2 : 1;
}

/** Policies with associations outrank whatever the routes say: that traffic is ipsec's. */
const underPolicies = ({tables}: NodeState): boolean =>
  (tables.xfrm ?? []).some((p) => p.dir === 'out' && p.tmpl.some((t) => t.reqid === flannelReqid)) &&
  (tables.sa ?? []).some((s) => s.reqid === flannelReqid);

/**
 * Plain routes to the peers' pod subnets: through a gateway on a device that is no tunnel of flannel's, as DirectRouting writes them; none
 * where subnet.env does not say which network that is.
 */
export function directRoutes(state: NodeState): readonly Route[] {
  const own = env(state);
  if (own === undefined) return [];
  const networks = [...own.networks, ...own.ipv6Networks];
  const tunnels = new Set((state.tables.link ?? []).filter(isFlannelTunnel).map((l) => l.ifname));
  return (state.tables.route ?? []).filter(
    (r) =>
      r.gateway !== undefined &&
      !tunnels.has(r.dev ?? '') &&
      r.table === 'main' &&
      r.type === 'unicast' &&
      r.dst !== own.subnet &&
      r.dst !== own.ipv6Subnet &&
      networks.some((n) => r.dst !== n && contains(n, r.dst)),
  );
}
