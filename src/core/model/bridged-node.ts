import type {Address} from '../kernel/address.js';
import type {Link} from '../kernel/link.js';
import type {Ip, Prefix} from '../net/address.js';
import {contains, hostOf, tryPrefix} from '../net/prefix.js';
import type {PodState} from '../node/state.js';
import {mostCommon} from './most-common.js';
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

export interface BridgePod {
  readonly pod: PodState;
  readonly eth: Link;
  readonly address: Address;
  /** The node's end. */
  readonly host?: Link;
}

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
  const all = (state.pods ?? []).flatMap((pod) => ends(pod, links));
  const addresses = (state.tables.address ?? []).filter((a) => a.dev === bridge && a.family === 4 && a.scope === 'global');
  const recorded = (member.record?.podCIDRs ?? []).find((c) => !c.includes(':') && tryPrefix(c) !== undefined);
  const masks = all.flatMap(({address: a, host}) =>
    a.prefixlen < 32 && host !== undefined ? (tryPrefix(`${a.local}/${a.prefixlen}`) ?? []) : [],
  );
  const stated: readonly [Prefix | undefined, GlobalRouterNode['by']] =
    recorded !== undefined
      ? [tryPrefix(recorded), 'record']
      : masks.length > 0
        ? [mostCommon(masks, String), 'pods']
        : [self?.subnet, 'lease'];
  const [subnet, by] = stated;
  if (subnet === undefined) return undefined;
  // Of a pod that has lost its port the address still says whose it is.
  const pods = all.filter(({host, address}) => host?.master === bridge || (contains(subnet, address.local) && address.prefixlen < 32));
  return {bridge, link, subnet, by, gateway: hostOf(subnet, 1), addresses, pods};
}

function ends(pod: PodState, links: readonly Link[]): readonly BridgePod[] {
  return (pod.tables.link ?? []).flatMap((eth): readonly BridgePod[] => {
    const found = eth.link_index === undefined ? undefined : links.find((l) => l.ifindex === eth.link_index);
    const host = found !== undefined && found.link_index === eth.ifindex ? found : undefined;
    return (pod.tables.address ?? []).flatMap((address) =>
      address.dev === eth.ifname && address.family === 4 && address.scope === 'global' ? [{pod, eth, address, ...(host && {host})}] : [],
    );
  });
}
