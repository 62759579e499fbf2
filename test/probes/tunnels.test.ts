import {execFileSync} from 'node:child_process';
import {mkdtempSync, readFileSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {afterAll, describe, expect, test} from 'vitest';
import type {Carrier} from '../../src/core/path/tap.js';
import {type Carriers, noCarriers} from '../../src/edge/probes/carriers.js';
import {filterOf} from '../../src/edge/probes/filter.js';
import type {Flow} from '../../src/edge/probes/flow.js';
import {dissect, readPcap} from '../../src/edge/probes/frame.js';
import type {Traced} from '../../src/edge/trace.js';

const folder = mkdtempSync(join(tmpdir(), 'flanctl-probes-'));
afterAll(() => rmSync(folder, {recursive: true, force: true}));

/** An echo from one pod to another, of which nothing is known but the addresses. */
const flow = (src: string, dst: string, family: 4 | 6 = 4): Flow => {
  const end = (address: string) => ({kind: 'pod', name: address, addresses: {[family]: address}});
  const traced = {from: end(src), to: end(dst), family, size: 84, there: {hops: []}, back: undefined} as unknown as Traced;
  return {name: 'small', traced, proto: 'icmp', port: 0, sport: 0, marker: ''};
};
const pods = flow('10.244.1.2', '10.244.2.2');
const pods6 = flow('fd44:0:0:1::2', 'fd44:0:0:2::2', 6);

/** Both ways between the two nodes. */
const sealed = (via: Carrier['via'], port?: number): Carriers => {
  const [a, b] = ['192.168.77.11', '192.168.77.12'];
  const carrier = (src: string, dst: string): Carrier => ({via, family: 4, src, dst, port, size: 0});
  return {...noCarriers, sealed: [carrier(a, b), carrier(b, a)]};
};
const sealed6: Carriers = {
  ...noCarriers,
  sealed: [
    {via: 'wireguard', family: 6, src: 'fd77::11', dst: 'fd77::12', port: 51821, size: 0},
    {via: 'wireguard', family: 6, src: 'fd77::12', dst: 'fd77::11', port: 51821, size: 0},
  ],
};
const ipip: Carriers = {...noCarriers, ipip: true};

/** The numbers of the packets that libpcap lets through. */
function passed(file: Buffer, filter: string): readonly number[] {
  const path = join(folder, 'one.pcap');
  writeFileSync(path, file);
  const lines = (words: readonly string[]) =>
    execFileSync('tcpdump', ['-n', '-tt', '-r', path, ...words], {encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore']})
      .split('\n')
      .filter((line) => line !== '');
  const all = lines([]);
  return lines([filter]).map((line) => all.indexOf(line));
}

const seenIn = (file: Buffer, carriers: Carriers) => {
  const {linktype, packets} = readPcap(file)!;
  return packets.map((packet) => {
    const seen = dissect(packet, linktype, carriers);
    return (
      seen && `${seen.form.src} ${seen.form.dst} ${seen.sealed ?? `proto ${seen.proto}`}${seen.tunnelled ? ' tunnelled' : ''} ${seen.size}`
    );
  });
};

/** What Debian's kernel sent, three echoes and their answers, as tcpdump kept it (test/outputs/vm). */
describe('recorded packets of tunnels', () => {
  const recorded = (name: string): Buffer => readFileSync(join(import.meta.dirname, '../outputs/vm', name));
  const all = [0, 1, 2, 3, 4, 5];
  const [there, back] = ['192.168.77.11 192.168.77.12', '192.168.77.12 192.168.77.11'];

  test('IPIP: looked into', () => {
    const file = recorded('ipip/wire4.pcap');
    expect(passed(file, filterOf([pods], ipip))).toEqual(all);
    expect(passed(file, filterOf([flow('10.244.1.2', '10.244.2.3')], ipip)), 'somebody else’s').toEqual([]);
    expect(passed(file, filterOf([pods], noCarriers)), 'no tunnel is known').toEqual([]);
    expect(seenIn(file, ipip).slice(0, 2)).toEqual([
      '10.244.1.2 10.244.2.2 proto 1 tunnelled 84',
      '10.244.2.2 10.244.1.2 proto 1 tunnelled 84',
    ]);
    expect(seenIn(file, noCarriers)[0]).toBe(`${there} proto 4 104`);
  });

  test('WireGuard: by its ends, port and size', () => {
    const [file, six] = [recorded('wireguard/wire4.pcap'), recorded('wireguard/wire6.pcap')];
    const carriers = sealed('wireguard', 51820);
    expect(passed(file, filterOf([pods], carriers))).toEqual(all);
    expect(passed(file, filterOf([pods], sealed('wireguard', 51821))), 'another port').toEqual([]);
    expect(passed(file, filterOf([pods], sealed('esp'))), 'another tunnel').toEqual([]);
    // 84 bytes, padded to 96, and 60 more.
    expect(seenIn(file, carriers).slice(0, 2)).toEqual([`${there} wireguard tunnelled 156`, `${back} wireguard tunnelled 156`]);
    expect(passed(six, filterOf([pods6], sealed6))).toEqual(all);
    expect(seenIn(six, sealed6)[0]).toBe('fd77::11 fd77::12 wireguard tunnelled 192');
  });

  test('ESP: by its ends; what was decrypted passes the wire’s device once more', () => {
    const carriers = sealed('esp');
    expect(passed(recorded('ipsec/wire4.pcap'), filterOf([pods], carriers))).toEqual(all);
    expect(passed(recorded('ipsec/wire4.pcap'), filterOf([pods], sealed('wireguard', 51820)))).toEqual([]);
    const own = recorded('ipsec/own4.pcap');
    expect(passed(own, filterOf([pods], carriers))).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8]);
    expect(seenIn(own, carriers).slice(0, 3)).toEqual([
      `${there} esp tunnelled 140`,
      `${back} esp tunnelled 140`,
      '10.244.2.2 10.244.1.2 proto 1 84',
    ]);
  });
});

/** Packets that look like a tunnel’s and are not, and forms that the recordings do not have. */
describe('made packets', () => {
  const ip = (src: string, dst: string, proto: number, body: Buffer): Buffer => {
    const head = Buffer.from('4500000000004000400000000000000000000000', 'hex');
    head.writeUInt16BE(20 + body.length, 2);
    head[9] = proto;
    for (const [i, address] of [src, dst].entries()) Buffer.from(address.split('.').map(Number)).copy(head, 12 + 4 * i);
    return Buffer.concat([head, body]);
  };
  const udp = (port: number, body: Buffer): Buffer => {
    const head = Buffer.alloc(8);
    head.writeUInt16BE(port, 0);
    head.writeUInt16BE(port, 2);
    head.writeUInt16BE(8 + body.length, 4);
    return Buffer.concat([head, body]);
  };
  const echo = ip('10.244.1.2', '10.244.2.2', 1, Buffer.concat([Buffer.from([8, 0, 0, 0, 0, 1, 0, 1]), Buffer.alloc(56)]));
  const between = (proto: number, body: Buffer, dst = '192.168.77.12') => ip('192.168.77.11', dst, proto, body);
  /** A pcap file with Ethernet frames, each a second later. */
  const pcap = (packets: readonly Buffer[]): Buffer => {
    const head = Buffer.alloc(24);
    for (const [at, value] of [0xa1b2c3d4, 0x00020004, 0, 0, 65_535, 1].entries()) head.writeUInt32LE(value, at * 4);
    head.writeUInt16LE(2, 4);
    head.writeUInt16LE(4, 6);
    const records = packets.flatMap((packet, i) => {
      const frame = Buffer.concat([Buffer.from('0a00000000020a0000000001', 'hex'), Buffer.from('0800', 'hex'), packet]);
      const record = Buffer.alloc(16);
      for (const [at, value] of [1000 + i, 0, frame.length, frame.length].entries()) record.writeUInt32LE(value, at * 4);
      return [record, frame];
    });
    return Buffer.concat([head, ...records]);
  };
  const message = (type: number, size: number): Buffer => {
    const body = Buffer.alloc(size);
    body[0] = type;
    return body;
  };

  test('WireGuard’s handshake and its keepalive carry no packet', () => {
    const file = pcap([1, 2, 3, 4, 4].map((type, i) => between(17, udp(51820, message(type, [148, 92, 64, 32, 128][i]!)))));
    expect(seenIn(file, sealed('wireguard', 51820)).map((seen) => seen?.includes('wireguard'))).toEqual([false, false, false, false, true]);
  });

  test('ESP in UDP, and not the IKE on the same port', () => {
    const esp = Buffer.concat([Buffer.from('c0000001', 'hex'), Buffer.alloc(116)]);
    const file = pcap([between(17, udp(4500, esp)), between(17, udp(4500, Buffer.alloc(120))), between(50, esp)]);
    const carriers = sealed('esp', 4500);
    expect(passed(file, filterOf([pods], carriers))).toEqual([0, 1]);
    expect(seenIn(file, carriers).map((seen) => seen?.includes(' esp '))).toEqual([true, false, true]);
  });

  test('a packet in IPIP between other ends than expected is the flow’s; what another tunnel sends is not', () => {
    const strange = '192.168.77.99';
    const file = pcap([between(4, echo, strange), between(4, echo), between(41, echo), between(50, message(1, 120), strange)]);
    expect(passed(file, filterOf([pods], ipip))).toEqual([0, 1]);
    expect(passed(file, filterOf([pods], sealed('esp')))).toEqual([]);
    expect(seenIn(file, ipip)[0]).toBe('10.244.1.2 10.244.2.2 proto 1 tunnelled 84');
  });

  test('the flow’s packets that leave in clear pass every filter', () => {
    const file = pcap([echo, ip('10.244.2.2', '10.244.1.2', 1, Buffer.alloc(64))]);
    for (const carriers of [noCarriers, ipip, sealed('esp'), sealed('wireguard', 51820)])
      expect(passed(file, filterOf([pods], carriers))).toEqual([0, 1]);
  });
});
