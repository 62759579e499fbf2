import {readFileSync} from 'node:fs';
import {join} from 'node:path';
import {describe, expect, test} from 'vitest';
import {link} from '../../src/core/kernel/link.js';
import {wg} from '../../src/core/kernel/wg.js';
import {deviceFor} from '../../src/core/path/ipip.js';
import {peerFor} from '../../src/core/path/wireguard.js';

/** Tables of Debian's stock kernel, and what it did with packets: which peer's counter of sent bytes grew, which device's of received ones. */
const recorded = JSON.parse(readFileSync(join(import.meta.dirname, 'kernel-choices.json'), 'utf8')) as {
  readonly wg: string;
  readonly link: string;
  readonly peers: readonly (readonly [address: string, key: string])[];
  readonly devices: readonly (readonly [src: string, dst: string, up: readonly string[], device: string | null])[];
};

describe('the model chooses as the kernel did', () => {
  test('the peer of WireGuard that an address belongs to', () => {
    const {rows} = wg.parse(recorded.wg, {command: 'wg show all dump'});
    expect(new Set(recorded.peers.map(([, key]) => key)).size).toBe(4);
    expect(recorded.peers.map(([address]) => [address, peerFor(rows, 'wg0', address)?.publicKey])).toEqual(recorded.peers);
  });

  test('the IPIP device that takes a packet', () => {
    const {rows} = link.parse(recorded.link, {command: 'ip -d link show'});
    const as = (up: readonly string[]) =>
      rows.map((l) => (l.kind === 'ipip' ? {...l, flags: up.includes(l.ifname) ? ['NOARP', 'UP', 'LOWER_UP'] : ['NOARP']} : l));
    expect(new Set(recorded.devices.map(([, , , device]) => device))).toEqual(new Set(['i1', 'i2', 'i3', 'tunl0', null]));
    const said = recorded.devices.map(([src, dst, up]) => [src, dst, up, deviceFor(as(up), 'eth0', src, dst)?.ifname ?? null]);
    expect(said).toEqual(recorded.devices);
  });
});
