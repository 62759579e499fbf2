import type {Family, Ip, Mac} from '../net/address.js';

/** The packet a trace asks about, as its sender makes it. Sizes in bytes. */
export interface Probe {
  readonly family: Family;
  /** Left out, the sender's route chooses it, as for a node that has several addresses. */
  readonly src?: Ip;
  readonly dst: Ip;
  readonly proto: 'tcp' | 'udp' | 'icmp';
  readonly sport?: number;
  readonly dport?: number;
  /** Size of the IP packet; sent with DF. */
  readonly size: number;
}

/** The packet as it is on its way: NAT changes its headers, and a tunnel wraps it. */
export interface InFlight extends Omit<Probe, 'proto'> {
  readonly src: Ip;
  readonly proto: Probe['proto'] | 'ipip' | 'esp';
  readonly mark: number;
  readonly ttl: number;
  /** The answer to a packet that went before; connection tracking may know it. */
  readonly reply: boolean;
  /** A router may cut it: what the kernel sends as the answer to an IPv4 echo has no DF. */
  readonly cuttable?: boolean;
  /** What a tunnel's packet carries. */
  readonly inner?: Inner;
  /** The security association that it came out of, as long as it is in the same namespace (sec_path). */
  readonly came?: Association;
}

/** What a tunnel carries beside the packet, by the tunnel's kind: all that its other end asks for. */
export type Inner = {readonly packet: InFlight} & (
  | {readonly via: 'vxlan'; readonly vni: number; readonly srcMac: Mac | undefined; readonly dstMac: Mac}
  | {readonly via: 'ipip'}
  /** Public keys: of the device that sends it, and of the peer that it is encrypted for. */
  | {
      readonly via: 'wireguard';
      readonly from: string;
      readonly to: string;
      /** `live`: keys were agreed on less than three minutes ago. `handshake`: a message of the agreement itself, which carries no packet. */
      readonly session: 'live' | 'none' | 'handshake';
      /** The sender has a preshared key for that peer. Which one, nobody reads. */
      readonly preshared: boolean;
    }
  | {readonly via: 'udp'}
  | {readonly via: 'esp'; readonly spi: number}
);

/** What a policy asks of the security association that a packet came out of. */
export interface Association {
  readonly src: Ip;
  readonly dst: Ip;
  readonly proto: string;
  readonly reqid: number;
  readonly mode: string;
}

/** Stands for the address of a node that is in no listing. */
export const UNLISTED: Ip = '0.0.0.0';

/** Stands for the hardware address of a pod that nobody looked at. */
export const UNREAD_MAC: Mac = '02:00:00:00:00:00';

export const shownMac = (mac: Mac | undefined): string => (mac === UNREAD_MAC ? 'a hardware address that was not read' : (mac ?? ''));

/** A device with its hardware address, where that was read. */
export const shownLink = ({ifname, address}: {readonly ifname: string; readonly address?: Mac}): string =>
  address === undefined || address === UNREAD_MAC ? ifname : `${ifname} ${address}`;

/** The family's smallest echo that people send: 56 bytes of data. */
export const smallEcho: {readonly [F in Family]: number} = {4: 84, 6: 104};

export const shownPacket = (p: InFlight): string =>
  `${p.src === UNLISTED ? 'an address that was not listed' : p.src}${p.sport === undefined || p.proto === 'icmp' ? '' : ` port ${p.sport}`} → ${p.dst}${p.dport === undefined || p.proto === 'icmp' ? '' : ` port ${p.dport}`}, ${p.proto}, ${p.size} bytes`;

export const withPort = (address: Ip, port: number | undefined): string => (port === undefined ? address : `${address} port ${port}`);

/** As /etc/protocols names it. */
export const protocolName = (proto: InFlight['proto'], family: Family): string =>
  proto === 'icmp' && family === 6 ? 'ipv6-icmp' : proto === 'ipip' ? 'ipencap' : proto;

/** What policy rules and routes ask of the packet. */
export const selectors = ({dst, src, mark, proto, sport, dport, family}: InFlight) => ({
  dst,
  src,
  mark,
  ipproto: protocolName(proto, family),
  ...(sport !== undefined && proto !== 'icmp' && {sport}),
  ...(dport !== undefined && proto !== 'icmp' && {dport}),
});
