import {type Family, familyOf, type Ip, numberOf, tryIp} from '../../src/core/net/address.js';

/** What a test packet says of itself. `id` travels in its payload. */
export interface Datagram {
  readonly family: Family;
  readonly proto: 'tcp' | 'udp' | 'icmp';
  readonly src: Ip;
  readonly dst: Ip;
  /** Of an echo: its identifier. */
  readonly sport: number;
  readonly dport: number;
  readonly icmpType?: number;
  readonly flags?: number;
  readonly id: number;
}

export interface Heard extends Omit<Datagram, 'id' | 'proto'> {
  readonly proto: number;
  readonly id?: number;
  /** An ICMP error, and the packet it quotes. */
  readonly quoted?: Heard;
}

const magic = 0x666c616e;
export const numbers = {tcp: 6, udp: 17, icmp: 1} as const;

function bytesOf(ip: Ip): Buffer {
  const four = familyOf(ip) === 4;
  return Buffer.from(
    numberOf(ip)
      .toString(16)
      .padStart(four ? 8 : 32, '0'),
    'hex',
  );
}

function sum(...parts: readonly Buffer[]): number {
  const all = Buffer.concat(parts);
  let total = 0;
  for (let i = 0; i < all.length; i += 2) total += (all[i] as number) * 256 + (all[i + 1] ?? 0);
  while (total > 0xffff) total = (total & 0xffff) + (total >>> 16);
  return ~total & 0xffff;
}

/** An IP packet, checksums right. */
export function build(p: Datagram): Buffer {
  const payload = Buffer.alloc(8);
  payload.writeUInt32BE(magic);
  payload.writeUInt32BE(p.id, 4);
  const head = Buffer.alloc(p.proto === 'tcp' ? 20 : 8);
  if (p.proto === 'icmp') {
    head.writeUInt8(p.icmpType ?? (p.family === 4 ? 8 : 128));
    head.writeUInt16BE(p.sport, 4);
    head.writeUInt16BE(1, 6);
  } else {
    head.writeUInt16BE(p.sport);
    head.writeUInt16BE(p.dport, 2);
    if (p.proto === 'udp') head.writeUInt16BE(16, 4);
    else {
      head.writeUInt32BE(1000, 4);
      if (((p.flags ?? 2) & 0x10) !== 0) head.writeUInt32BE(1009, 8);
      head.writeUInt8(0x50, 12);
      head.writeUInt8(p.flags ?? 2, 13);
      head.writeUInt16BE(64_000, 14);
    }
  }
  const protocol = p.proto === 'icmp' && p.family === 6 ? 58 : numbers[p.proto];
  const length = head.length + payload.length;
  const pseudo = Buffer.concat([bytesOf(p.src), bytesOf(p.dst), Buffer.from([0, 0, length >> 8, length & 255, 0, protocol])]);
  const check = p.proto === 'icmp' && p.family === 4 ? sum(head, payload) : sum(pseudo, head, payload);
  head.writeUInt16BE(check === 0 && p.proto === 'udp' ? 0xffff : check, {tcp: 16, udp: 6, icmp: 2}[p.proto]);
  const ip = Buffer.alloc(p.family === 4 ? 20 : 40);
  if (p.family === 4) {
    ip.writeUInt16BE(0x4500);
    ip.writeUInt16BE(20 + length, 2);
    ip.writeUInt16BE(p.id & 0xffff, 4);
    ip.writeUInt16BE(0x4000, 6);
    ip.writeUInt16BE((64 << 8) | protocol, 8);
    bytesOf(p.src).copy(ip, 12);
    bytesOf(p.dst).copy(ip, 16);
    ip.writeUInt16BE(sum(ip), 10);
  } else {
    ip.writeUInt32BE(6 * 2 ** 28);
    ip.writeUInt16BE(length, 4);
    ip.writeUInt16BE((protocol << 8) | 64, 6);
    bytesOf(p.src).copy(ip, 8);
    bytesOf(p.dst).copy(ip, 24);
  }
  return Buffer.concat([ip, head, payload]);
}

const ether = (mac: string) => Buffer.from(mac.replaceAll(':', ''), 'hex');

export const framed = (packet: Buffer, from: string, to: string): Buffer =>
  Buffer.concat([ether(to), ether(from), Buffer.from((packet[0] as number) >> 4 === 4 ? [8, 0] : [0x86, 0xdd]), packet]);

/** The IP packet of a frame, or undefined when there is none in it (ARP). */
export function unframed(frame: Buffer): Buffer | undefined {
  const type = frame.readUInt16BE(12);
  return type === 0x0800 || type === 0x86dd ? frame.subarray(14) : undefined;
}

function ipOf(bytes: Buffer): Ip {
  const text = bytes.length === 4 ? [...bytes].join('.') : (bytes.toString('hex').match(/.{4}/g) ?? []).join(':');
  const ip = tryIp(text);
  if (ip === undefined) throw new Error(`not an address: ${text}`);
  return ip;
}

/** Reads as much as is there; undefined for what is not IP or too short. */
export function parse(packet: Buffer): Heard | undefined {
  const family = ((packet[0] ?? 0) >> 4) as Family;
  if ((family !== 4 && family !== 6) || packet.length < (family === 4 ? 28 : 48)) return undefined;
  const at = family === 4 ? ((packet[0] as number) & 15) * 4 : 40;
  const proto = packet.readUInt8(family === 4 ? 9 : 6);
  const [src, dst] = family === 4 ? [packet.subarray(12, 16), packet.subarray(16, 20)] : [packet.subarray(8, 24), packet.subarray(24, 40)];
  const base = {family, proto, src: ipOf(src), dst: ipOf(dst), sport: 0, dport: 0};
  const idAt = at + (proto === 6 ? 20 : 8);
  const marked = packet.length >= idAt + 8 && packet.readUInt32BE(idAt) === magic ? {id: packet.readUInt32BE(idAt + 4)} : {};
  if (proto === 6 || proto === 17) {
    const flags = proto === 6 && packet.length >= at + 14 ? {flags: packet.readUInt8(at + 13)} : {};
    return {...base, sport: packet.readUInt16BE(at), dport: packet.readUInt16BE(at + 2), ...flags, ...marked};
  }
  const icmpType = packet.readUInt8(at);
  if (proto === 1 ? icmpType === 3 : proto === 58 && icmpType === 1) {
    const quoted = parse(packet.subarray(at + 8));
    return {...base, icmpType, ...(quoted && {quoted})};
  }
  return {...base, icmpType, sport: packet.readUInt16BE(at + 4), ...marked};
}
