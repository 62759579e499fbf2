import type {FamilyLease} from '../flannel/lease.js';
import type {Packet} from '../kernel/netfilter/packet.js';
import type {Cluster} from '../model/cluster.js';
import type {OuterKind} from '../modes/mode.js';

/** One kind of packet that a tunnel puts on the wire between two nodes. */
export interface Outer {
  /** `UDP 8472`, `IP protocol 4`. */
  readonly what: string;
  readonly proto: string;
  /** Ports of the packet that this node sends; that of the peer has them the other way round where both are fixed. */
  readonly out: Pick<Packet, 'sport' | 'dport'>;
  readonly into: Pick<Packet, 'sport' | 'dport'>;
  /** The peer's packets are answers to this node's own for connection tracking: with fixed ports, or without any. */
  readonly answers: boolean;
  /** Keys only: what has been agreed on lasts for a while without it. */
  readonly keys?: true;
  /** What opens the firewall for it: after iptables' chain, and in nft's words. */
  readonly iptables: readonly string[];
  readonly nft: readonly string[];
}

/** Any: VXLAN hashes the inner packet for it. */
const someSource = 40_000;

/** What travels between a node and a peer, by backend (model/flannel-backends.md §10). */
export const outerPackets = ({mode, settings}: Cluster, own: FamilyLease, peer: FamilyLease): readonly Outer[] =>
  settings === undefined
    ? []
    : (mode?.wire?.(settings, own.family, {own, peer}) ?? []).map((kind) => (kind.proto === 'udp' ? udp(kind) : protocol(kind)));

const udp = ({own, peer, hashed, keys}: Extract<OuterKind, {proto: 'udp'}>): Outer => ({
  what: `UDP ${own}`,
  proto: 'udp',
  out: {sport: hashed ? someSource : own, dport: peer},
  into: {sport: hashed ? someSource : peer, dport: own},
  answers: hashed !== true,
  ...(keys && {keys}),
  iptables: ['-p', 'udp', '--dport', String(own)],
  nft: ['udp', 'dport', String(own)],
});

const protocol = ({number, name}: Extract<OuterKind, {proto: 'ip'}>): Outer => ({
  what: `IP protocol ${number}`,
  proto: name,
  out: {},
  into: {},
  answers: true,
  iptables: ['-p', String(number)],
  nft: ['meta', 'l4proto', String(number)],
});
