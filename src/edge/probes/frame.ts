import {addressOf, type Family, type Ip, type Mac} from '../../core/net/address.js';
import type {Form} from '../../core/path/tap.js';
import {type Carriers, noCarriers} from './carriers.js';

/** One packet of a capture: when (nanoseconds since 1970), its length on the wire, and the bytes that were kept. */
export interface Caught {
  readonly at: bigint;
  readonly length: number;
  readonly bytes: Buffer;
}

export interface PcapFile {
  /** libpcap's LINKTYPE: 1 is Ethernet, 101 plain IP. */
  readonly linktype: number;
  readonly packets: readonly Caught[];
}

/** Reads a pcap file (pcap-savefile(5)), also one that was cut off; undefined when it is none. */
export function readPcap(file: Buffer): PcapFile | undefined {
  if (file.length < 24) return undefined;
  const magic = file.readUInt32BE(0);
  const little = magic === 0xd4c3_b2a1 || magic === 0x4d3c_b2a1;
  const nanos = magic === 0xa1b2_3c4d || magic === 0x4d3c_b2a1;
  if (!little && magic !== 0xa1b2_c3d4 && magic !== 0xa1b2_3c4d) return undefined;
  const number = (offset: number): number => (little ? file.readUInt32LE(offset) : file.readUInt32BE(offset));
  const packets: Caught[] = [];
  for (let offset = 24; offset + 16 <= file.length; ) {
    const kept = number(offset + 8);
    if (offset + 16 + kept > file.length) break;
    const at = BigInt(number(offset)) * 1_000_000_000n + BigInt(number(offset + 4)) * (nanos ? 1n : 1000n);
    packets.push({at, length: number(offset + 12), bytes: file.subarray(offset + 16, offset + 16 + kept)});
    offset += 16 + kept;
  }
  return {linktype: number(20) & 0xffff, packets};
}

/** An IP packet as far as a probe must be recognised by it. */
export interface Seen {
  readonly form: Form;
  readonly proto: number;
  /** Of UDP and TCP. */
  readonly sport?: number;
  readonly dport?: number;
  /** Of ICMP. */
  readonly type?: number;
  readonly code?: number;
  /** The IP packet's size, bytes. */
  readonly size: number;
  /** What is behind the transport header; of an ICMP error, the packet it is about. */
  readonly rest: Buffer;
  readonly tunnelled: boolean;
  /** It is a tunnel's that cannot be looked into: all else is of the outer packet. */
  readonly sealed?: 'wireguard' | 'esp';
  /** From and to, of the frame that carries it (inside the tunnel when it is tunnelled). */
  readonly macs: readonly Mac[];
}

/** The innermost IP packet of a frame, out of these tunnels too. Undefined for what is no IP or too short. */
export function dissect({bytes}: Caught, linktype: number, carriers: Carriers): Seen | undefined {
  return linktype === 1 ? ethernet(bytes, carriers, false) : ipPacket(bytes, carriers, false, []);
}

function ethernet(frame: Buffer, carriers: Carriers, tunnelled: boolean): Seen | undefined {
  if (frame.length < 18) return undefined;
  let start = 12;
  while (frame.length >= start + 6 && [0x8100, 0x88a8].includes(frame.readUInt16BE(start))) start += 4;
  const mac = (at: number): Mac => frame.toString('hex', at, at + 6).replace(/..(?!$)/g, '$&:');
  return [0x0800, 0x86dd].includes(frame.readUInt16BE(start))
    ? ipPacket(frame.subarray(start + 2), carriers, tunnelled, [mac(6), mac(0)])
    : undefined;
}

function ipPacket(packet: Buffer, carriers: Carriers, tunnelled: boolean, macs: readonly Mac[]): Seen | undefined {
  const six = packet.length > 0 && packet[0]! >> 4 === 6;
  const header = six ? 40 : ((packet[0] ?? 0) & 15) * 4;
  if (header < 20 || packet.length < header + 8) return undefined;
  const family: Family = six ? 6 : 4;
  const address = (offset: number): Ip =>
    addressOf(BigInt(`0x${packet.subarray(offset, offset + (six ? 16 : 4)).toString('hex')}`), family);
  const form = {family, src: address(six ? 8 : 12), dst: address(six ? 24 : 16)};
  const proto = packet[six ? 6 : 9]!;
  const size = six ? packet.readUInt16BE(4) + 40 : packet.readUInt16BE(2);
  const body = packet.subarray(header);
  const seen = {form, proto, size, tunnelled, macs};
  const sealed = tunnelled ? undefined : sealing(form, proto, body, carriers);
  if (sealed !== undefined) return {...seen, tunnelled: true, sealed, rest: body};
  if (proto === 4 && !tunnelled && carriers.ipip) {
    const inner = ipPacket(body, carriers, true, macs);
    if (inner) return inner;
  }
  if (proto === 17 || proto === 6) {
    const [sport, dport] = [body.readUInt16BE(0), body.readUInt16BE(2)];
    if (proto === 17 && !tunnelled && carriers.vxlan.includes(dport)) {
      const inner = ethernet(body.subarray(16), carriers, true);
      if (inner) return inner;
    }
    if (proto === 17 && !tunnelled && carriers.udp.includes(dport)) {
      const inner = ipPacket(body.subarray(8), carriers, true, macs);
      if (inner) return inner;
    }
    return {...seen, sport, dport, rest: body.subarray(proto === 17 ? 8 : 20)};
  }
  if (proto === 1 || proto === 58) return {...seen, type: body[0]!, code: body[1]!, rest: body.subarray(8)};
  return {...seen, rest: body};
}

/** WireGuard's message that carries a packet; a shorter one of the kind only keeps the session alive. */
const TRANSPORT = 4;
const KEEPALIVE = 32;
/** In UDP, four bytes of zero are IKE's instead of ESP's number. */
const IKE = 0;

function sealing({src, dst}: Form, proto: number, body: Buffer, {sealed}: Carriers): Seen['sealed'] {
  const mine = sealed.filter((one) => one.src === src && one.dst === dst);
  const at = proto === 17 && body.length >= 12 ? mine.find((one) => one.port === body.readUInt16BE(2)) : undefined;
  if (at?.via === 'wireguard') return body[8] === TRANSPORT && body.readUInt16BE(4) - 8 > KEEPALIVE ? 'wireguard' : undefined;
  if (at?.via === 'esp') return body.readUInt32BE(8) === IKE ? undefined : 'esp';
  return proto === 50 && mine.some(({via}) => via === 'esp') ? 'esp' : undefined;
}

/** The packet that an ICMP error quotes. */
export const quoted = ({rest}: Seen): Seen | undefined => ipPacket(rest, noCarriers, false, []);
