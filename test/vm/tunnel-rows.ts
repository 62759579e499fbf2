import {writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {must} from '../../src/edge/lab/shell.js';
import type {End, TwoNodes} from './two-nodes.js';

/** Devices and rows as flannel makes them between two namespaces. */

const keyFile = ({netns}: End): string => join(process.env['TMPDIR'] ?? '/tmp', `${netns}.key`);

/** Both devices of WireGuard, with their peers and the routes to all pods. */
export async function makeWireguard(nodes: TwoNodes): Promise<void> {
  const keys = new Map<End, string>();
  for (const one of nodes.ends) {
    const secret = await must(['wg', 'genkey']);
    writeFileSync(keyFile(one), secret, {mode: 0o600});
    keys.set(one, (await must(['wg', 'pubkey'], {input: secret})).trim());
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
    const set = (dev: string, port: number, endpoint: string, allowed: string) =>
      `wg set ${dev} listen-port ${port} private-key ${keyFile(self)} peer ${keys.get(peer)} endpoint ${endpoint} persistent-keepalive 25 allowed-ips ${allowed}`;
    const script = `${set('flannel-wg', 51820, `${peer.ip}:51820`, peer.subnet)}
      ${set('flannel-wg-v6', 51821, `[${peer.ip6}]:51821`, peer.subnet6)}`;
    const ran = await nodes.run(self, ['sh', '-ec', script]);
    if (ran.code !== 0) throw new Error(`wg set in ${self.netns}: ${ran.stderr}`);
  }
  await nodes.both(() => [
    'link set flannel-wg up',
    'link set flannel-wg-v6 up',
    'route add 10.244.0.0/16 dev flannel-wg scope link',
    'route add fd44::/56 dev flannel-wg-v6',
  ]);
}

/** The device of ipip and the route to the other's subnet. */
export const makeIpip = (nodes: TwoNodes): Promise<void> =>
  nodes.both((self, peer) => [
    `link add flannel.ipip mtu 1480 type ipip local ${self.ip} remote any nopmtudisc ttl inherit`,
    `addr add ${self.base}/32 dev flannel.ipip`,
    'link set flannel.ipip up',
    `route add ${peer.subnet} via ${peer.ip} dev flannel.ipip onlink`,
  ]);

/** Associations in the form in which charon makes them with flannel's proposal (aes128gcm16). */
export const statesOf = (self: End, peer: End): readonly string[] =>
  [self, peer].map((from) => {
    const to = from === self ? peer : self;
    const spi = from.ip < to.ip ? '0xc0000001' : '0xc0000002';
    return (
      `xfrm state add src ${from.ip} dst ${to.ip} proto esp spi ${spi} reqid 11 mode tunnel replay-window 32 ` +
      `flag af-unspec aead rfc4106(gcm(aes)) 0x${'5a'.repeat(20)} 128`
    );
  });

/** One of flannel's policies, without the verb; `level use` makes its tunnel optional. */
export const policyOf = (self: End, peer: End, dir: 'out' | 'in' | 'fwd', level = ''): string => {
  const [from, to] = dir === 'out' ? [self, peer] : [peer, self];
  return `src ${from.subnet} dst ${to.subnet} dir ${dir} tmpl src ${from.ip} dst ${to.ip} proto esp reqid 11 mode tunnel${level}`;
};

export const policiesOf = (self: End, peer: End): readonly string[] =>
  (['out', 'in', 'fwd'] as const).map((dir) => `xfrm policy add ${policyOf(self, peer, dir)}`);
