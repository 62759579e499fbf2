import {holderOf} from '../cloud/choose.js';
import {attachmentsOf} from '../model/attachment.js';
import type {Cluster} from '../model/cluster.js';
import {type Family, familyOf, type Ip, type Prefix, tryIp} from '../net/address.js';
import {anyPrefix, contains, hostOf, lengthOf, network} from '../net/prefix.js';
import type {NamespaceState, NodeState} from '../node/state.js';
import {subnetOf} from './fabric/owner.js';
import {asListed} from './listed.js';
import {UNREAD_MAC} from './packet.js';
import {recordedAddress, recordedEnd} from './recorded-end.js';
import type {Place} from './world.js';

/** One end of a trace, as it was named. */
export interface Endpoint {
  readonly name: string;
  /** `service`: an address that kube-proxy's rules turn into one of a pod; `vm`: of a machine in the nodes' own network that is no node. */
  readonly kind: 'pod' | 'node' | 'service' | 'vm' | 'outside';
  /** The node it is on; absent for the outside. */
  readonly node?: string;
  /** The pod's namespace; absent when it was not gathered. */
  readonly pod?: string;
  readonly addresses: {readonly [F in Family]?: Ip};
}

export interface Candidate {
  readonly node: string;
  /** Its namespace; absent where only the node's tables speak of it. */
  readonly pod?: string;
  readonly addresses: readonly Ip[];
}

/** The pods of one node that was read, with their global addresses; then those that its tables alone know, each by its address. */
export const candidatesOf = (state: NodeState): readonly Candidate[] => [
  ...(state.pods ?? []).map((pod) => ({
    node: state.name,
    pod: pod.name,
    addresses: (asListed(pod).tables.address ?? []).filter((a) => a.scope === 'global').map((a) => a.local),
  })),
  ...attachmentsOf(state).flatMap((a) => (a.pod === undefined && a.kind !== 'bridge' ? [{node: state.name, addresses: [a.address]}] : [])),
];

/**
 * What the words on the command line mean: a pod (`ns/pod` too), a service (`svc/ns/name`, where records have them), a node, or an address of either or of the outside. Undefined: nothing of
 * that name; several: pods of one name.
 */
export function endpointNamed(cluster: Cluster, pods: readonly Candidate[], text: string): readonly Endpoint[] {
  const address = tryIp(text);
  const asPod = (c: Candidate): Endpoint => ({
    name: c.pod ?? address ?? c.addresses[0]!,
    kind: 'pod',
    node: c.node,
    ...(c.pod !== undefined && {pod: c.pod}),
    addresses: byFamily(c.addresses, address),
  });
  if (address !== undefined) {
    const held = pods.filter((p) => p.addresses.includes(address));
    if (held.length > 0) return held.slice(0, 1).map(asPod);
    const member = cluster.members.find((m) => m.survey.addresses.some((a) => a.address === address));
    if (member) return [{name: member.name, kind: 'node', node: member.name, addresses: {[familyOf(address)]: address}}];
    const recorded = recordedAddress(cluster, pods, address);
    if (recorded) return [recorded];
    const owner = cluster.members.find((m) => {
      const subnet = subnetOf(m, familyOf(address));
      return subnet !== undefined && contains(subnet, address);
    });
    const kind = owner ? 'pod' : isMachine(cluster, address) ? 'vm' : 'outside';
    return [{name: text, kind, ...(owner && {node: owner.name}), addresses: {[familyOf(address)]: address}}];
  }
  const recorded = recordedEnd(cluster, pods, text);
  if (recorded) return [recorded];
  const named = pods.filter((p) => p.pod === text);
  // A snapshot names a pod by its host name; the namespace in front of it is the reader's.
  const matched = named.length > 0 ? named : pods.filter((p) => p.pod === text.slice(text.indexOf('/') + 1));
  const member = cluster.members.find((m) => m.name === text);
  if (member) {
    const own = byFamily(member.addresses ?? [], undefined);
    const {publicIP = own[4], publicIPv6 = own[6]} = member.lease ?? {};
    return [
      {
        name: text,
        kind: 'node',
        node: text,
        addresses: {...(publicIP !== undefined && {4: publicIP}), ...(publicIPv6 !== undefined && {6: publicIPv6})},
      },
    ];
  }
  return matched.map(asPod);
}

/** An address of the nodes' own network that is no node's: the cloud lists its interface, or it lies in a subnet of a node that a cloud carries. */
function isMachine(cluster: Cluster, address: Ip): boolean {
  const {cloud} = cluster;
  if (cloud && holderOf(cloud, address)) return true;
  if (cloud === undefined && cluster.mode?.fabric === undefined) return false;
  return cluster.members.some(({survey}) =>
    survey.addresses.some(
      (a) =>
        a.family === familyOf(address) &&
        a.dev === survey.defaultDev[a.family] &&
        contains(`${network(a.address, a.prefixlen)}/${a.prefixlen}`, address),
    ),
  );
}

function byFamily(addresses: readonly Ip[], asked: Ip | undefined): Endpoint['addresses'] {
  if (asked !== undefined) return {[familyOf(asked)]: asked};
  const [v4, v6] = ([4, 6] as const).map((f) => addresses.find((a) => familyOf(a) === f));
  return {...(v4 !== undefined && {4: v4}), ...(v6 !== undefined && {6: v6})};
}

/** Where Calico's plugin says to a pod that its gateway is; the node answers for it, whatever is asked (proxy ARP, or the veth's own address). */
const CALICO_GATEWAY: {readonly [F in Family]: Ip} = {4: '169.254.1.1', 6: 'fe80::ecee:eeff:feee:eeee'};

/**
 * A pod that was not gathered, as the CNI makes one. On a bridge: eth0 with its address, and the first address of the node's subnet as its
 * gateway; its port is where the node has learnt its hardware address, when it has. Where it has not, and pods were not looked at, it is behind
 * one of the bridge's ports, which are all alike: the first that is not in `taken`. Behind a host route of its own (Canal): a single
 * address, and all else by the device that the node's route names.
 */
export function inferPod(
  node: NodeState,
  subnet: Prefix,
  address: Ip,
  bridge: string,
  taken: readonly (string | undefined)[] = [],
): {readonly place: Place; readonly port?: string} {
  const family = familyOf(address);
  const host = `${address}/${family === 4 ? 32 : 128}`;
  const {neigh, fdb, link, route: routes} = node.tables;
  const own = routes?.find((r) => r.dst === host && r.table === 'main' && r.type === 'unicast' && r.gateway === undefined)?.dev;
  const veth = own === undefined || own === bridge ? undefined : link?.find((l) => l.ifname === own && l.master === undefined);
  const mac = neigh?.find((n) => n.dst === address && n.dev === (veth?.ifname ?? bridge) && n.lladdr !== undefined)?.lladdr;
  const learnt = fdb?.find((f) => f.mac === mac && f.master === bridge && f.state !== 'permanent')?.dev;
  // Somebody asked for it, and nobody answered.
  const silent = neigh?.some((n) => n.dst === address && n.dev === bridge && n.state.some((s) => s === 'FAILED' || s === 'INCOMPLETE'));
  const guessed =
    node.pods === undefined && !silent ? link?.find((l) => l.master === bridge && !taken.includes(l.ifname))?.ifname : undefined;
  const port = veth?.ifname ?? (mac === undefined ? guessed : learnt);
  const mtu = link?.find((l) => l.ifname === port)?.mtu ?? link?.find((l) => l.ifname === bridge)?.mtu ?? 0;
  const bits = veth ? (family === 4 ? 32 : 128) : lengthOf(subnet);
  const route = {family, metric: 0, flags: [], dev: 'eth0'};
  const main = {...route, table: 'main', type: 'unicast'} as const;
  const gateway = veth ? CALICO_GATEWAY[family] : hostOf(subnet, 1);
  const only: ReadonlySet<Family> = new Set([family]);
  const state: NamespaceState = {
    tables: {
      link: [{ifname: 'eth0', flags: ['UP', 'LOWER_UP'], mtu, kind: 'veth', address: mac ?? UNREAD_MAC}],
      address: [{family, dev: 'eth0', local: address, prefixlen: bits, scope: 'global', flags: []}],
      route: [
        {...route, table: 'local', type: 'local', dst: host},
        {...main, dst: veth ? `${gateway}/${bits}` : subnet, scope: 'link'},
        {...main, dst: anyPrefix(family), gateway},
      ],
      neigh: veth?.address === undefined ? [] : [{family, dst: gateway, dev: 'eth0', lladdr: veth.address, state: ['PERMANENT']}],
    },
    families: {link: only, address: only, route: only, neigh: only},
  };
  return {place: {node: node.name, pod: address, state, inferred: true}, ...(port !== undefined && {port})};
}
