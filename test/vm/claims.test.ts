import {setTimeout as sleep} from 'node:timers/promises';
import {afterAll, beforeAll, beforeEach, describe, expect, test} from 'vitest';
import {xfrm} from '../../src/core/kernel/xfrm.js';
import {mtuOf} from '../../src/core/path/esp.js';
import {policyFor} from '../../src/core/path/policy.js';
import type {Place} from '../../src/core/path/world.js';
import {long} from '../lab/shares.js';
import {root} from './root.js';
import {makeIpip, makeWireguard, policiesOf, policyOf, statesOf} from './tunnel-rows.js';
import {type End, TwoNodes} from './two-nodes.js';

/** What walks, rules and plans take for granted of the kernel, and no table shows. */
describe.skipIf(!root)('the kernel does as the code says', () => {
  const pair = (name: string): TwoNodes => {
    const nodes = new TwoNodes(name);
    beforeAll(() => nodes.up());
    afterAll(() => nodes.down());
    return nodes;
  };
  const [ESP, CLEAR] = [/ESP\(spi=/, /10\.244\.1\.2 > 10\.244\.2\.2: ICMP echo request/];

  describe('IPsec', () => {
    const nodes = pair('claims-esp');
    const [a, b] = nodes.ends;
    const ip = async (end: End, ...lines: readonly string[]) => {
      const ran = await nodes.run(end, ['ip', '-batch', '-'], `${lines.join('\n')}\n`);
      expect(ran).toMatchObject({code: 0, stderr: ''});
    };
    const counted = async (end: End, name: string): Promise<number> => {
      const {stdout} = await nodes.run(end, ['cat', '/proc/net/xfrm_stat']);
      return Number(new RegExp(`^${name}\\s+(\\d+)`, 'm').exec(stdout)![1]);
    };
    /** Patient, or not where nothing is to come: an emulated machine may take seconds. */
    const ping = (wait = 10) => nodes.during(`ping -n -c 1 -W ${wait} -I ${a.pod} ${b.pod}`);
    beforeEach(async () => {
      await nodes.both((self, peer) => [
        'xfrm policy flush',
        'xfrm state flush',
        ...policiesOf(self, peer),
        ...statesOf(self, peer),
        'route replace default via 192.168.77.254 dev eth0',
      ]);
      for (const end of nodes.ends)
        await nodes.run(end, [
          'sh',
          '-c',
          `ip route del ${a.subnet}; ip route del ${b.subnet}; ip link del nowhere; iptables -t nat -F; ip route flush cache`,
        ]);
    });

    test('a route is asked for first, and then a policy takes the packet, whatever device the route names', async () => {
      await ip(a, 'route del default');
      const without = await ping(1);
      expect([without.code, without.wire]).toEqual([1, '']);
      await ip(a, 'link add nowhere type bridge', 'link set nowhere up', `route add ${b.subnet} dev nowhere`);
      const astray = await ping();
      expect([astray.code, astray.wire]).toEqual([0, expect.stringMatching(ESP)]);
    });

    test('the MTU is that of the wire less ESP’s, or the route’s own where that is less', async () => {
      expect(mtuOf({src: a.ip}, 1500)).toBe(1446);
      const fits = `ping -n -c 1 -W 10 -I ${a.pod} -M do ${b.pod} -s`;
      const limit = async (size: number) => {
        const script = `${fits} ${size - 28} >/dev/null && echo fits; ${fits} ${size - 27} 2>&1 | sed -n 's/.*\\(mtu=[0-9]*\\).*/\\1/p'`;
        return (await nodes.run(a, ['sh', '-c', script])).stdout.split('\n').slice(0, 2);
      };
      expect(await limit(1446), 'the default route').toEqual(['fits', 'mtu=1446']);
      await ip(a, 'link add nowhere mtu 1400 type bridge', 'link set nowhere up', `route add ${b.subnet} dev nowhere`);
      expect(await limit(1400)).toEqual(['fits', 'mtu=1400']);
      await ip(a, 'link set nowhere mtu 9000');
      expect(await limit(1446)).toEqual(['fits', 'mtu=1446']);
    });

    test('a source that NAT has changed is no policy’s: the packet leaves in clear', async () => {
      await nodes.run(a, ['iptables', '-t', 'nat', '-A', 'POSTROUTING', '-s', a.subnet, '-j', 'SNAT', '--to-source', a.ip]);
      await ip(a, `route replace ${b.subnet} via ${b.ip}`);
      expect((await ping(1)).wire).toMatch(/192\.168\.77\.11 > 10\.244\.2\.2: ICMP echo request/);
    });

    test('of two policies of one priority the older wins, which is printed last unless it was updated', async () => {
      const block = `xfrm policy add src ${a.subnet} dst 10.244.0.0/16 dir out action block`;
      const chosen = async (...words: readonly string[]) => {
        const {rows} = xfrm.parse((await nodes.run(a, ['ip', ...words, 'xfrm', 'policy', 'list'])).stdout, {
          command: 'ip xfrm policy list',
        });
        const place = {state: {tables: {xfrm: rows}}} as unknown as Place;
        const {policy, rivals} = policyFor(place, 'out', {src: a.pod, dst: b.pod})!;
        return [policy.action, rivals];
      };
      await ip(a, block);
      expect([(await ping()).code, await chosen()]).toEqual([0, ['allow', true]]);
      await ip(a, `xfrm policy delete src ${a.subnet} dst ${b.subnet} dir out`, `xfrm policy add ${policyOf(a, b, 'out')}`);
      const blocked = await ping(1);
      expect([blocked.code === 0, blocked.wire, await chosen()]).toEqual([false, '', ['block', true]]);
      await ip(a, `xfrm policy update src ${a.subnet} dst 10.244.0.0/16 dir out action block`);
      const updated = await ping(1);
      expect([updated.code === 0, updated.wire], 'it keeps its place').toEqual([false, '']);
      expect([await chosen(), await chosen('-s')], 'and its index, which tells').toEqual([
        ['allow', true],
        ['block', false],
      ]);
    });

    test('what was decrypted and no policy is for is dropped', async () => {
      const before = await counted(b, 'XfrmInNoPols');
      await ip(b, `xfrm policy delete src ${a.subnet} dst ${b.subnet} dir in`);
      const {code, wire} = await ping(1);
      expect([code, wire]).toEqual([1, expect.stringMatching(ESP)]);
      expect(await counted(b, 'XfrmInNoPols')).toBeGreaterThan(before);
    });

    test('who leaves IPsec loses nothing when the other takes both, and all when it does not', async () => {
      await nodes.both((_, peer) => [`route replace ${peer.subnet} via ${peer.ip}`]);
      const before = await counted(b, 'XfrmInTmplMismatch');
      await ip(a, `xfrm policy delete src ${a.subnet} dst ${b.subnet} dir out`);
      const strict = await ping(1);
      expect([strict.code, strict.wire]).toEqual([1, expect.stringMatching(CLEAR)]);
      expect(await counted(b, 'XfrmInTmplMismatch')).toBeGreaterThan(before);
      await nodes.both((self, peer) =>
        (['in', 'fwd'] as const).map((dir) => `xfrm policy update ${policyOf(self, peer, dir, ' level use')}`),
      );
      const half = await ping();
      expect([half.code, half.wire], 'the answer still comes encrypted').toEqual([0, expect.stringMatching(CLEAR)]);
      expect(half.wire).toMatch(ESP);
      await ip(b, `xfrm policy delete src ${b.subnet} dst ${a.subnet} dir out`);
      const plain = await ping();
      expect(plain.code).toBe(0);
      expect(plain.wire).not.toMatch(ESP);
      await nodes.both((self, peer) =>
        (['in', 'fwd'] as const).map((dir) => `xfrm policy delete src ${peer.subnet} dst ${self.subnet} dir ${dir}`),
      );
      expect((await ping()).code).toBe(0);
    });
  });

  describe('WireGuard', () => {
    const nodes = pair('claims-wg');
    const [a, b] = nodes.ends;
    beforeAll(() => makeWireguard(nodes));

    if (long)
      test('what waits for a handshake waits longer than one try takes', async () => {
        await nodes.run(b, ['iptables', '-I', 'INPUT', '-p', 'udp', '--dport', '51820', '-j', 'DROP']);
        // Who goes down forgets its keys.
        await nodes.run(a, [
          'sh',
          '-ec',
          'ip link set flannel-wg down; ip link set flannel-wg up; ip route add 10.244.0.0/16 dev flannel-wg scope link',
        ]);
        const waiting = nodes.run(a, ['ping', '-n', '-c', '1', '-W', '80', '-I', a.pod, b.pod]);
        await sleep(12_000);
        await nodes.run(b, ['iptables', '-F', 'INPUT']);
        const {code, stdout} = await waiting;
        expect(code).toBe(0);
        expect(Number(/time=(\d+)/.exec(stdout)![1])).toBeGreaterThan(5000);
      });

    test('pads packets to 16 bytes, not beyond the MTU, and sends them without DF', async () => {
      // The first brings the handshake.
      const sizes = [84, 96, 97, 1412, 1420];
      const {code, wire} = await nodes.during(
        ['84', ...sizes].map((size) => `ping -n -c 1 -W 10 -M do -s ${Number(size) - 28} -I ${a.pod} ${b.pod}`).join(' && '),
      );
      expect(code).toBe(0);
      const outer = [...wire.matchAll(/flags \[(\w+)\], proto UDP \(17\), length (\d+)\)\n +192\.168\.77\.11/g)];
      expect(new Set(outer.map(([, flags]) => flags))).toEqual(new Set(['none']));
      expect(outer.slice(-sizes.length).map(([, , length]) => Number(length) - 60)).toEqual([96, 96, 112, 1420, 1420]);
    });

    test('a peer is where its last packet came from', async () => {
      const endpoint = async () => (await nodes.run(a, ['wg', 'show', 'flannel-wg', 'endpoints'])).stdout.trim().split('\t')[1];
      expect(await endpoint()).toBe(`${b.ip}:51820`);
      await nodes.run(b, ['sh', '-ec', `ip addr del ${b.ip}/24 dev eth0; ip addr add 192.168.77.22/24 dev eth0`]);
      await nodes.run(b, ['ping', '-n', '-c', '1', '-W', '10', '-I', b.pod, a.pod]);
      expect(await endpoint()).toBe('192.168.77.22:51820');
      const {code, wire} = await nodes.during(`ping -n -c 1 -W 10 -I ${a.pod} ${b.pod}`);
      expect([code, wire]).toEqual([0, expect.stringMatching(/192\.168\.77\.11\.51820 > 192\.168\.77\.22\.51820: UDP/)]);
    });
  });

  describe('IPIP', () => {
    const nodes = pair('claims-ipip');
    const [a, b] = nodes.ends;
    beforeAll(() => makeIpip(nodes));

    test('the outer header takes TTL and DF from the inner one', async () => {
      const outer = async (words: string) => {
        const {code, wire} = await nodes.during(`ping -n -c 1 -W 10 ${words} -I ${a.pod} ${b.pod}`);
        expect(code).toBe(0);
        return wire.split('\n').find((line) => line.includes('proto IPIP'));
      };
      expect(await outer('-M do -t 9')).toMatch(/ttl 9,.* flags \[DF\], proto IPIP/);
      expect(await outer('-M dont -t 33')).toMatch(/ttl 33,.* flags \[none\], proto IPIP/);
    });
  });
});
