import type {FamilyLease} from '../flannel/lease.js';
import type {Packet} from '../kernel/netfilter/packet.js';
import type {Cluster} from '../model/cluster.js';

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
export function outerPackets({mode, settings}: Cluster, own: FamilyLease, peer: FamilyLease): readonly Outer[] {
  const port = settings?.port;
  switch (mode?.type) {
    case 'vxlan':
      return port === undefined
        ? []
        : [{...udp(port), out: {sport: someSource, dport: port}, into: {sport: someSource, dport: port}, answers: false}];
    case 'udp':
      return port === undefined ? [] : [udp(port)];
    case 'wireguard': {
      const listen = peer.family === 6 && settings?.wgMode === 'separate' ? settings.listenPortV6 : settings?.listenPort;
      const [mine, theirs] = [own.wgPort ?? listen, peer.wgPort ?? listen];
      if (mine === undefined || theirs === undefined) return [];
      return [{...udp(mine), out: {sport: mine, dport: theirs}, into: {sport: theirs, dport: mine}}];
    }
    case 'ipip':
      return [protocol(4, 'ipencap')];
    case 'ipsec':
      return settings?.udpEncap === true ? [udp(4500), {...udp(500), keys: true}] : [protocol(50, 'esp'), {...udp(500), keys: true}];
    default:
      return [];
  }
}

const udp = (port: number): Outer => ({
  what: `UDP ${port}`,
  proto: 'udp',
  out: {sport: port, dport: port},
  into: {sport: port, dport: port},
  answers: true,
  iptables: ['-p', 'udp', '--dport', String(port)],
  nft: ['udp', 'dport', String(port)],
});

const protocol = (number: number, proto: string): Outer => ({
  what: `IP protocol ${number}`,
  proto,
  out: {},
  into: {},
  answers: true,
  iptables: ['-p', String(number)],
  nft: ['meta', 'l4proto', String(number)],
});
