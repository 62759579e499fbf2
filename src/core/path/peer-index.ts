import {leaseOf} from '../flannel/lease.js';
import type {Cluster} from '../model/cluster.js';
import {type Family, familyOf, type Ip, type Mac, number4Of, numberOf, type Prefix} from '../net/address.js';
import {PrefixIndex} from '../net/lpm.js';
import {baseOf, contains, hostOf, lengthOf, partsOf} from '../net/prefix.js';
import {holdersIn} from './world.js';

/** What the others must know of a node in one family. `pod` stands for all pods of its subnet. */
export interface Peer {
  readonly node: string;
  readonly subnet: Prefix;
  readonly pod: Ip;
  readonly public: Ip;
  readonly mac: Mac | undefined;
  /** WireGuard's public key. */
  readonly key?: string | undefined;
}

/** The nodes of which a lease of this family is known, in the order of the members. */
export const peersOf = (cluster: Cluster, family: Family): readonly Peer[] =>
  cluster.members.flatMap((member) => {
    const lease = member.lease && leaseOf(member.lease, family);
    if (!lease) return [];
    const {subnet, publicIP, vtepMAC, publicKey} = lease;
    return [{node: member.name, subnet, pod: hostOf(subnet, 2), public: publicIP, mac: vtepMAC, key: publicKey}];
  });

/** Which address of a peer a text is; a code is `3 × number of the peer + role`. */
export const roles = ['base', 'public', 'pod'] as const;

/** Finds the peers that a row names, for all nodes alike: made once a cluster and family. */
export interface PeerIndex {
  readonly peers: readonly Peer[];
  readonly family: Family;
  readonly byNode: ReadonlyMap<string, number>;
  /** Of each peer, by its number. */
  readonly bases: readonly Ip[];
  readonly publics: readonly Ip[];
  readonly macs: readonly (Mac | undefined)[];
  /** The peer whose subnet it is. */
  readonly bySubnet: ReadonlyMap<Prefix, number>;
  /** The code of the peer and of the role in which it has this address. */
  readonly byAddress: ReadonlyMap<Ip, number>;
  readonly byMac: ReadonlyMap<Mac, number>;
  /** The peers that have it on any of their devices. */
  heldBy(address: Ip | Mac): readonly number[];
  /** Shares an address, a hardware address or a part of its subnet with somebody: no row can be said to be its own. */
  readonly odd: Uint8Array;
  /** Where peers begin to differ, whatever node looks at them: an interned number for each. */
  readonly traits: Int32Array;
  /** The codes of the addresses in the prefix, of a role at a time, unless all peers' are in it. */
  within(prefix: Prefix): readonly number[];
  /** A number for a text, and for a class together with what refines it; equal for equals. */
  intern(text: string): number;
  refine(number: number, by: number): number;
}

const known = new WeakMap<readonly Peer[], PeerIndex>();

export function peerIndex(cluster: Cluster, family: Family, peers: readonly Peer[]): PeerIndex {
  let index = known.get(peers);
  if (!index) {
    index = build(cluster, family, peers);
    known.set(peers, index);
  }
  return index;
}

const addressesOf = ({subnet, public: own, pod}: Peer): readonly Ip[] => [baseOf(subnet), own, pod];

function build(cluster: Cluster, family: Family, peers: readonly Peer[]): PeerIndex {
  const odd = oddOnes(cluster, peers);
  const bySubnet = new Map<Prefix, number>();
  const byAddress = new Map<Ip, number>();
  const byMac = new Map<Mac, number>();
  const texts = new Map<string, number>();
  const pairs = new Map<number, number>();
  let next = 1;
  const intern = (text: string): number => {
    let number = texts.get(text);
    if (number === undefined) {
      number = next++;
      texts.set(text, number);
    }
    return number;
  };
  const refine = (number: number, by: number): number => {
    const key = number * 2 ** 26 + by;
    let refined = pairs.get(key);
    if (refined === undefined) {
      refined = next++;
      pairs.set(key, refined);
    }
    return refined;
  };
  const traits = new Int32Array(peers.length);
  const {networks} = cluster;
  for (const [i, peer] of peers.entries()) {
    const given = [peer.public, peer.pod].map((a) => networks.some((n) => !n.endsWith('/0') && contains(n, a)));
    const held = addressesOf(peer).map((a) => holdersIn(cluster, a).length);
    traits[i] = intern(odd[i] ? `odd ${i}` : `${given} ${held} ${peer.mac === undefined}`);
    if (odd[i]) continue;
    bySubnet.set(peer.subnet, i);
    for (const [role, address] of addressesOf(peer).entries()) byAddress.set(address, i * roles.length + role);
    if (peer.mac !== undefined) byMac.set(peer.mac, i);
  }
  const byNode = new Map(peers.map((p, i) => [p.node, i]));
  const held = new Map<string, number[]>();
  for (const {name, survey} of cluster.members) {
    const peer = byNode.get(name);
    if (peer === undefined) continue;
    for (const text of new Set([...survey.addresses.map((a) => a.address), ...survey.links.flatMap((l) => l.address ?? [])])) {
      const others = held.get(text);
      if (others) others.push(peer);
      else held.set(text, [peer]);
    }
  }
  return {
    peers,
    family,
    byNode,
    bases: peers.map((p) => baseOf(p.subnet)),
    publics: peers.map((p) => p.public),
    macs: peers.map((p) => p.mac),
    heldBy: (text) => held.get(text) ?? [],
    bySubnet,
    byAddress,
    byMac,
    odd,
    traits,
    within: finder(family, peers, byAddress),
    intern,
    refine,
  };
}

/** Peers of which an address, a hardware address or a part of the subnet is also somebody else's. */
function oddOnes(cluster: Cluster, peers: readonly Peer[]): Uint8Array {
  const odd = new Uint8Array(peers.length);
  const owners = new Map<string, number>();
  const subnets = new PrefixIndex<number>();
  const claim = (text: string, i: number): void => {
    const other = owners.get(text);
    if (other !== undefined && other !== i) odd[i] = odd[other] = 1;
    else owners.set(text, i);
  };
  for (const [i, peer] of peers.entries()) {
    const {node, mac, subnet} = peer;
    for (const address of addressesOf(peer)) {
      claim(address, i);
      if (holdersIn(cluster, address).some((m) => m.name !== node)) odd[i] = 1;
    }
    if (mac !== undefined) claim(mac, i);
    subnets.add(subnet, i);
  }
  for (const [i, peer] of peers.entries())
    for (const address of addressesOf(peer))
      for (const group of subnets.covering(address))
        for (const owner of group) if (owner !== i || address === peer.public) odd[i] = odd[owner] = 1;
  return odd;
}

/** Searches the addresses of all peers in their order, so that a prefix costs a few steps and not one for each peer. */
function finder(family: Family, peers: readonly Peer[], byAddress: ReadonlyMap<Ip, number>): PeerIndex['within'] {
  const value = (address: Ip): number | bigint => (family === 4 ? number4Of(address) : numberOf(address));
  const sorted = roles.map((_, role) => {
    const entries = peers
      .map((peer, i) => ({at: value(addressesOf(peer)[role]!), i}))
      .sort((a, b) => (a.at < b.at ? -1 : a.at > b.at ? 1 : 0));
    return {values: entries.map((e) => e.at), numbers: entries.map((e) => e.i)};
  });
  const lower = (values: readonly (number | bigint)[], wanted: number | bigint): number => {
    let [low, high] = [0, values.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (values[middle]! < wanted) low = middle + 1;
      else high = middle;
    }
    return low;
  };
  const answers = new Map<Prefix, readonly number[]>();
  const search = (prefix: Prefix): readonly number[] => {
    const bits = lengthOf(prefix);
    const {first, last} = partsOf(prefix);
    const found = sorted.flatMap(({values, numbers}, role) => {
      const [from, to] = family === 4 ? [Number(first), Number(last)] : [first, last];
      const [low, high] = [lower(values, from), lower(values, typeof to === 'bigint' ? to + 1n : to + 1)];
      return high - low === numbers.length ? [] : numbers.slice(low, high).map((i) => i * roles.length + role);
    });
    return bits === 0 ? [] : found;
  };
  const full = family === 4 ? '/32' : '/128';
  return (prefix) => {
    if (familyOf(prefix) !== family) return [];
    if (prefix.endsWith(full)) {
      const code = byAddress.get(baseOf(prefix));
      if (code !== undefined) return [code];
    }
    let answer = answers.get(prefix);
    if (!answer) {
      answer = search(prefix);
      if (answers.size > 50_000) answers.clear();
      answers.set(prefix, answer);
    }
    return answer;
  };
}
