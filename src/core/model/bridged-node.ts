import type {Address} from '../kernel/address.js';
import type {Link} from '../kernel/link.js';
import type {Ip, Prefix} from '../net/address.js';
import {contains, hostOf, lengthOf, tryPrefix} from '../net/prefix.js';
import {type PodEnd, podEnds} from '../node/pod-ends.js';
import {sharedNetwork} from './shared-network.js';
import type {NodeView} from './view.js';

/** Is it one of those nodes? By what it shows, what the cluster runs, or its CNI configuration. */
export const globalRouter = ({cluster, member, state}: Pick<NodeView, 'cluster' | 'member' | 'state'>): boolean =>
  (member.mode ?? cluster.mode)?.ownTable === true ||
  cluster.mode?.ownTable === true ||
  (state.cni !== undefined && state.cni !== 'none' && state.cni.some((f) => f.conf?.plugins.some((p) => p.type === 'tke-bridge')));

/** A node of TKE's Global Router: a part of the container network on a bridge (model/cloud-modes.md §1). IPv4. */
export interface GlobalRouterNode {
  /** The bridge's name, whether it is there or not. */
  readonly bridge: string;
  readonly link: Link | undefined;
  /** The node's part of the network, by its Node object, its lease, or the masks of its pods; the first address is the bridge's. */
  readonly subnet: Prefix;
  readonly by: 'record' | 'lease' | 'pods';
  readonly gateway: Ip;
  /** The bridge's IPv4 addresses. */
  readonly addresses: readonly Address[];
  readonly pods: readonly BridgePod[];
}

/** A pod's interface with one of its addresses; `host` is the node's end. */
export type BridgePod = Omit<PodEnd, 'addresses'> & {readonly address: Address};

const known = new WeakMap<NodeView, GlobalRouterNode | 'none'>();

export function globalRouterNode(view: NodeView): GlobalRouterNode | undefined {
  let made = known.get(view);
  if (made === undefined) {
    made = find(view) ?? 'none';
    known.set(view, made);
  }
  return made === 'none' ? undefined : made;
}

function find(view: NodeView): GlobalRouterNode | undefined {
  const {state, member, self} = view;
  const links = state.tables.link ?? [];
  const named = (name: string) => links.find((l) => l.ifname === name);
  const bridge = named(view.bridge) || !named('cbr0') ? (view.bridge === 'cni0' ? 'cbr0' : view.bridge) : 'cbr0';
  const link = named(bridge);
  const ends = podEnds(state);
  const all = ends.flatMap(({addresses, ...end}) => addresses.flatMap((a): BridgePod[] => (a.family === 4 ? [{...end, address: a}] : [])));
  const addresses = (state.tables.address ?? []).filter((a) => a.dev === bridge && a.family === 4 && a.scope === 'global');
  const recorded = (member.record?.podCIDRs ?? []).find((c) => !c.includes(':') && tryPrefix(c) !== undefined);
  const shared = sharedNetwork(ends, 4);
  const stated: readonly [Prefix | undefined, GlobalRouterNode['by']] =
    recorded !== undefined ? [tryPrefix(recorded), 'record'] : shared !== undefined ? [shared, 'pods'] : [self?.subnet, 'lease'];
  const [subnet, by] = stated;
  if (subnet === undefined) return undefined;
  // Of a pod that has lost its port the address still says whose it is.
  const pods = all.filter(({host, address}) => host?.master === bridge || (contains(subnet, address.local) && address.prefixlen < 32));
  return {bridge, link, subnet, by, gateway: hostOf(subnet, 1), addresses, pods};
}

/**
 * What makes the bridge's IPv4 address right: which it must have, and those that it has instead, but for what running pods have as their
 * gateway. Undefined where it has it, or where nobody but the bridge says which that is.
 */
export function rightAddress({
  bridge,
  by,
  subnet,
  gateway,
  addresses,
  pods,
}: GlobalRouterNode):
  | {readonly want: Pick<Address, 'dev' | 'local' | 'prefixlen' | 'family'>; readonly wrong: readonly Address[]}
  | undefined {
  const prefixlen = lengthOf(subnet);
  if (by === 'lease' || addresses.some((a) => a.local === gateway && a.prefixlen === prefixlen)) return undefined;
  const others = pods.filter(({address: a}) => !contains(subnet, a.local));
  const wrong = addresses.filter((a) => !others.some((p) => contains(`${a.local}/${a.prefixlen}`, p.address.local)));
  return {want: {family: 4, dev: bridge, local: gateway, prefixlen}, wrong};
}
