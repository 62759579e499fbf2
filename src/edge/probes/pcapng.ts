import {placeWords} from './hints.js';
import type {Capture} from './wire.js';

/**
 * All captures as one pcapng file (draft-ietf-opsawg-pcapng), packets by time, one interface a device with the name of its place:
 * `n1/eth0`, `n1/n1-p1/eth0`.
 */
export function pcapng(captures: readonly Capture[], application: string): Buffer {
  const section = block(0x0a0d_0d0a, [
    u32(0x1a2b_3c4d),
    u16(1),
    u16(0),
    u32(0xffff_ffff),
    u32(0xffff_ffff),
    option(4, Buffer.from(application)),
    end,
  ]);
  const devices = captures.map(({point, file}) =>
    // Nanoseconds.
    block(1, [
      u16(file.linktype),
      u16(0),
      u32(0),
      option(2, Buffer.from(nameOf(point))),
      option(3, Buffer.from(placeWords(point))),
      option(9, Buffer.from([9])),
      end,
    ]),
  );
  const packets = captures
    .flatMap(({file}, device) => file.packets.map((packet) => ({device, packet})))
    .toSorted((a, b) => (a.packet.at === b.packet.at ? a.device - b.device : a.packet.at < b.packet.at ? -1 : 1))
    .map(({device, packet: {at, length, bytes}}) =>
      block(6, [u32(device), u32(Number(at >> 32n)), u32(Number(at & 0xffff_ffffn)), u32(bytes.length), u32(length), padded(bytes)]),
    );
  return Buffer.concat([section, ...devices, ...packets]);
}

const nameOf = ({node, pod, dev}: Capture['point']): string => [node, ...(pod === undefined ? [] : [pod]), dev].join('/');

const u16 = (n: number): Buffer => Buffer.from([n & 255, n >> 8]);
function u32(n: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(n);
  return bytes;
}
const padded = (bytes: Buffer): Buffer => Buffer.concat([bytes, Buffer.alloc((4 - (bytes.length % 4)) % 4)]);
const option = (code: number, value: Buffer): Buffer => Buffer.concat([u16(code), u16(value.length), padded(value)]);
const end = Buffer.alloc(4);

function block(type: number, parts: readonly Buffer[]): Buffer {
  const body = Buffer.concat(parts);
  const length = u32(body.length + 12);
  return Buffer.concat([u32(type), length, body, length]);
}
