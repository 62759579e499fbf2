import type {Words} from './commands.js';
import {type Link, localOf} from './link.js';
import {shownEndpoint, type WgPeer} from './wg.js';
import type {XfrmPolicy} from './xfrm.js';

/** Rows of the tunnels besides VXLAN as the commands that make them so; `commands.ts` has the rest. */

/** Makes an IPIP device as flanneld does, without a far end (model/flannel-backends.md §4.3). */
export const ipipAdd = (link: Link): readonly Words[] => [
  [
    'ip',
    'link',
    'add',
    link.ifname,
    'mtu',
    String(link.mtu),
    'type',
    'ipip',
    ...(localOf(link) === undefined ? [] : ['local', localOf(link)!]),
    'remote',
    'any',
    'ttl',
    'inherit',
    'nopmtudisc',
  ],
  ['ip', 'link', 'set', link.ifname, 'up'],
];

/** Where flanneld keeps a node's private key, unless WIREGUARD_KEY_FILE says otherwise (model/flannel-backends.md §4.2). */
export const wgKeyFile = '/run/flannel/wgkey';

/** Makes a WireGuard device; its private key stays in its file and is on no command line. */
export const wireguardAdd = (link: Link): readonly Words[] => [
  ['ip', 'link', 'add', link.ifname, 'mtu', String(link.mtu), 'type', 'wireguard'],
  [
    'wg',
    'set',
    link.ifname,
    ...(link.info?.['listenPort'] === undefined ? [] : ['listen-port', String(link.info['listenPort'])]),
    'private-key',
    wgKeyFile,
  ],
  ['ip', 'link', 'set', link.ifname, 'up'],
];

/** Adds a peer, or sets everything of one that flannel sets but a preshared key. */
export const wgPeerSet = (peer: Pick<WgPeer, 'dev' | 'publicKey' | 'endpoint' | 'allowedIPs' | 'persistentKeepalive'>): Words => [
  'wg',
  'set',
  peer.dev,
  'peer',
  peer.publicKey,
  ...(peer.endpoint === undefined ? [] : ['endpoint', shownEndpoint(peer.endpoint)]),
  ...(peer.persistentKeepalive === undefined ? [] : ['persistent-keepalive', String(peer.persistentKeepalive)]),
  'allowed-ips',
  peer.allowedIPs.join(','),
];

export const wgPeerRemove = ({dev, publicKey}: Pick<WgPeer, 'dev' | 'publicKey'>): Words => ['wg', 'set', dev, 'peer', publicKey, 'remove'];

export const wgListenPort = (dev: string, port: number): Words => ['wg', 'set', dev, 'listen-port', String(port)];

/** Writes a policy, in the place of one with its selector if there is one: `update` adds what is not there. */
export const xfrmUpdate = (policy: XfrmPolicy): Words => [
  'ip',
  'xfrm',
  'policy',
  'update',
  ...selector(policy),
  ...(policy.priority === 0 ? [] : ['priority', String(policy.priority)]),
  ...policy.tmpl.flatMap((t) => ['tmpl', 'src', t.src, 'dst', t.dst, 'proto', t.proto, 'reqid', String(t.reqid), 'mode', t.mode]),
];

export const xfrmDelete = (policy: XfrmPolicy): Words => ['ip', 'xfrm', 'policy', 'delete', ...selector(policy)];

const selector = ({src, dst, dir}: XfrmPolicy): Words => ['src', src, 'dst', dst, 'dir', dir];
