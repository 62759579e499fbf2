import {writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {afterAll, beforeAll, describe, expect, test} from 'vitest';
import {must} from '../../src/edge/lab/shell.js';
import {root} from './root.js';
import {type End, TwoNodes} from './two-nodes.js';

/** Devices as flannel makes them, between two namespaces, on whatever kernel this is: what later tests stand on. */
describe.skipIf(!root)('packets go through', () => {
  const pair = (name: string): TwoNodes => {
    const nodes = new TwoNodes(name);
    beforeAll(() => nodes.up());
    afterAll(() => nodes.down());
    return nodes;
  };

  describe('WireGuard', () => {
    const nodes = pair('wireguard');
    test('in both families, with nothing in clear on the wire', async () => {
      const keys = new Map<End, {readonly file: string; readonly publicKey: string}>();
      for (const one of nodes.ends) {
        const secret = await must(['wg', 'genkey']);
        const file = join(process.env['TMPDIR'] ?? '/tmp', `${one.netns}.key`);
        writeFileSync(file, secret, {mode: 0o600});
        keys.set(one, {file, publicKey: (await must(['wg', 'pubkey'], {input: secret})).trim()});
      }
      await nodes.both((self) => [
        'link add flannel-wg mtu 1420 type wireguard',
        'link add flannel-wg-v6 mtu 1420 type wireguard',
        `addr add ${self.base}/32 dev flannel-wg`,
        `addr add ${self.base6}/128 dev flannel-wg-v6 nodad`,
      ]);
      const [a, b] = nodes.ends;
      for (const [self, peer] of [
        [a, b],
        [b, a],
      ] as const) {
        const {file} = keys.get(self)!;
        const {publicKey} = keys.get(peer)!;
        const set = (dev: string, port: number, endpoint: string, allowed: string) =>
          `wg set ${dev} listen-port ${port} private-key ${file} peer ${publicKey} endpoint ${endpoint} persistent-keepalive 25 allowed-ips ${allowed}`;
        const ran = await nodes.run(self, [
          'sh',
          '-ec',
          `${set('flannel-wg', 51820, `${peer.ip}:51820`, peer.subnet)}
           ${set('flannel-wg-v6', 51821, `[${peer.ip6}]:51821`, peer.subnet6)}`,
        ]);
        expect(ran).toMatchObject({code: 0});
      }
      await nodes.both(() => [
        'link set flannel-wg up',
        'link set flannel-wg-v6 up',
        'route add 10.244.0.0/16 dev flannel-wg scope link',
        'route add fd44::/56 dev flannel-wg-v6',
      ]);
      const four = await nodes.ping(4);
      expect(four.answered).toBe(true);
      expect(four.wire).toMatch(/192\.168\.77\.11\.51820 > 192\.168\.77\.12\.51820: UDP/);
      expect(four.wire).not.toMatch(/10\.244\.|ICMP/);
      const six = await nodes.ping(6);
      expect(six.answered).toBe(true);
      expect(six.wire).toMatch(/fd77::11\.51821 > fd77::12\.51821: .*UDP/);
      expect(six.wire).not.toMatch(/fd44|ICMP6, echo/);
      await nodes.recordTables();
    });
  });

  describe('IPIP', () => {
    const nodes = pair('ipip');
    test('as protocol 4, with the outer destination from the route', async () => {
      await nodes.both((self, peer) => [
        `link add flannel.ipip mtu 1480 type ipip local ${self.ip} remote any nopmtudisc ttl inherit`,
        `addr add ${self.base}/32 dev flannel.ipip`,
        'link set flannel.ipip up',
        `route add ${peer.subnet} via ${peer.ip} dev flannel.ipip onlink`,
      ]);
      const {answered, wire} = await nodes.ping(4);
      expect(answered).toBe(true);
      expect(wire).toMatch(
        /proto IPIP \(4\).*\n +192\.168\.77\.11 > 192\.168\.77\.12: .*\n?.*10\.244\.1\.2 > 10\.244\.2\.2: ICMP echo request/,
      );
      await nodes.recordTables();
    });
  });

  describe('IPsec', () => {
    const nodes = pair('ipsec');
    /** Associations in the form in which charon makes them with flannel's proposal (aes128gcm16), and flannel's own policies. */
    const states = (self: End, peer: End): readonly string[] =>
      (
        [
          [self, peer],
          [peer, self],
        ] as const
      ).map(
        ([from, to]) =>
          `xfrm state add src ${from.ip} dst ${to.ip} proto esp spi ${from === nodes.ends[0] ? '0xc0000001' : '0xc0000002'} reqid 11 ` +
          `mode tunnel replay-window 32 flag af-unspec aead rfc4106(gcm(aes)) 0x${'5a'.repeat(20)} 128`,
      );
    const policies = (self: End, peer: End): readonly string[] =>
      (['out', 'in', 'fwd'] as const).map((dir) => {
        const [from, to] = dir === 'out' ? [self, peer] : [peer, self];
        return `xfrm policy add src ${from.subnet} dst ${to.subnet} dir ${dir} tmpl src ${from.ip} dst ${to.ip} proto esp reqid 11 mode tunnel`;
      });

    test('nothing at all with policies and no associations, as after flanneld was killed', async () => {
      await nodes.both(policies);
      const {answered, wire} = await nodes.ping(4, '-black-hole');
      expect({answered, wire}).toEqual({answered: false, wire: ''});
    });

    test('as ESP with both', async () => {
      await nodes.both(states);
      const {answered, wire, own} = await nodes.ping(4);
      expect(answered).toBe(true);
      expect(own, 'what has been decrypted comes by again').toMatch(/10\.244\.2\.2 > 10\.244\.1\.2: ICMP echo reply/);
      expect(wire).toMatch(/192\.168\.77\.11 > 192\.168\.77\.12: ESP\(spi=0xc0000001,seq=0x1\)/);
      expect(wire).not.toMatch(/10\.244\./);
      await nodes.recordTables();
    });
  });
});
