import type {Version} from './version.js';

/** What one backend leaves on one node beside pods, firewall and files: lines as iproute2 6.1 and wg print them. */
export interface Left {
  /** Blocks of `ip -d link show` and the addresses on each device. */
  readonly devices: readonly {readonly name: string; readonly link: readonly string[]; readonly addresses: readonly string[]}[];
  readonly routes: readonly string[];
  readonly routes6: readonly string[];
  readonly sockets: readonly string[];
  readonly wg: string;
  readonly policies: string;
  readonly states: string;
}

export interface About {
  readonly node: number;
  readonly peers: readonly number[];
  readonly version: Version;
  readonly dual: boolean;
  readonly directRouting: boolean;
}

const nothing: Left = {devices: [], routes: [], routes6: [], sockets: [], wg: '', policies: '', states: ''};
const publicIP = (node: number) => `192.168.77.${10 + node}`;
const publicIP6 = (node: number) => `fd77::${10 + node}`;
/** Thirty-two bytes that nobody has the other half of. */
export const keyOf = (node: number): string => Buffer.alloc(32, node).toString('base64');

const queues = 'numtxqueues 1 numrxqueues 1 gso_max_size 65536 gso_max_segs 65535 tso_max_size 65536 tso_max_segs 65535 gro_max_size 65536';
const inet = (address: string, dev: string) => [
  `    inet ${address} scope global ${dev}`,
  '       valid_lft forever preferred_lft forever',
];
const inet6 = (address: string) => [`    inet6 ${address} scope global `, '       valid_lft forever preferred_lft forever'];
const local = (address: string, dev: string) => `local ${address} dev ${dev} table local proto kernel scope host src ${address} `;

function ipip({node, peers, directRouting}: About): Left {
  const dev = 'flannel.ipip';
  const head = (name: string, flags: string, from: string, state: string) => [
    `${name}@NONE: <${flags}> mtu 1480 qdisc ${state === 'DOWN' ? 'noop' : 'noqueue'} state ${state} mode DEFAULT group default qlen 1000`,
    `    link/ipip ${from} brd 0.0.0.0 promiscuity 0  allmulti 0 minmtu 0 maxmtu 0 `,
    `    ipip ipip remote any local ${from === '0.0.0.0' ? 'any' : from} ttl inherit nopmtudisc addrgenmode eui64 ${queues} `,
  ];
  return {
    ...nothing,
    devices: [
      {name: 'tunl0', link: head('tunl0', 'NOARP', '0.0.0.0', 'DOWN'), addresses: []},
      {name: dev, link: head(dev, 'NOARP,UP,LOWER_UP', publicIP(node), 'UNKNOWN'), addresses: inet(`10.244.${node}.0/32`, dev)},
    ],
    routes: [
      ...peers.map(
        (p) => `unicast 10.244.${p}.0/24 via ${publicIP(p)} dev ${directRouting ? 'eth0' : dev} table main proto boot scope global onlink `,
      ),
      local(`10.244.${node}.0`, dev),
    ],
  };
}

function udp({node, version}: About): Left {
  const dev = 'flannel0';
  const length = version.at < 1100 ? 16 : 32;
  return {
    ...nothing,
    devices: [
      {
        name: dev,
        link: [
          `${dev}: <POINTOPOINT,MULTICAST,NOARP,UP,LOWER_UP> mtu 1472 qdisc pfifo_fast state UNKNOWN mode DEFAULT group default qlen 500`,
          '    link/none  promiscuity 0  allmulti 0 minmtu 68 maxmtu 65535 ',
          `    tun type tun pi off vnet_hdr off persist off addrgenmode random ${queues} `,
        ],
        addresses: [
          ...inet(`10.244.${node}.0/${length}`, dev),
          `    inet6 fe80::5efe:a0b:${node}/64 scope link stable-privacy `,
          '       valid_lft forever preferred_lft forever',
        ],
      },
    ],
    routes: [
      length === 16
        ? `unicast 10.244.0.0/16 dev ${dev} table main proto kernel scope link src 10.244.${node}.0 `
        : `unicast 10.244.0.0/16 dev ${dev} table main proto boot scope global `,
      local(`10.244.${node}.0`, dev),
    ],
    sockets: [`UNCONN 0      0      ${publicIP(node)}:8285 0.0.0.0:* users:(("flanneld",pid=11,fd=9))`],
  };
}

function wireguard({node, peers, dual, version}: About): Left {
  // v0.18.0 to v0.19.0 asked for the uplink's MTU.
  const mtu = version.at >= 1800 && version.at <= 1900 ? 1500 : 1420;
  const device = (name: string, addresses: readonly string[]) => ({
    name,
    link: [
      `${name}: <POINTOPOINT,NOARP,UP,LOWER_UP> mtu ${mtu} qdisc noqueue state UNKNOWN mode DEFAULT group default qlen 1000`,
      '    link/none  promiscuity 0  allmulti 0 minmtu 0 maxmtu 2147483552 ',
      `    wireguard addrgenmode none ${queues} `,
    ],
    addresses,
  });
  const dump = (dev: string, port: number, endpoint: (p: number) => string, subnet: (p: number) => string) => [
    [dev, '(hidden)', keyOf(node), port, 'off'].join('\t'),
    ...peers.map((p) => [dev, keyOf(p), '(none)', endpoint(p), subnet(p), 1_795_000_000 + p, 1000 * p, 2000 * p, 'off'].join('\t')),
  ];
  return {
    ...nothing,
    devices: [
      device('flannel-wg', inet(`10.244.${node}.0/32`, 'flannel-wg')),
      ...(dual ? [device('flannel-wg-v6', inet6(`fd44:0:0:${node}::/128`))] : []),
    ],
    routes: ['unicast 10.244.0.0/16 dev flannel-wg table main proto boot scope link ', local(`10.244.${node}.0`, 'flannel-wg')],
    routes6: dual
      ? [
          `unicast fd44:0:0:${node}:: dev flannel-wg-v6 table main proto kernel scope global metric 256 pref medium`,
          'unicast fd44::/56 dev flannel-wg-v6 table main proto boot scope global metric 1024 pref medium',
          `local fd44:0:0:${node}:: dev flannel-wg-v6 table local proto kernel scope global metric 0 pref medium`,
        ]
      : [],
    sockets: (dual ? [51820, 51821] : [51820]).flatMap((port) => [
      `UNCONN 0      0      0.0.0.0:${port} 0.0.0.0:*`,
      `UNCONN 0      0         [::]:${port}    [::]:*`,
    ]),
    wg: [
      ...dump(
        'flannel-wg',
        51820,
        (p) => `${publicIP(p)}:51820`,
        (p) => `10.244.${p}.0/24`,
      ),
      ...(dual
        ? dump(
            'flannel-wg-v6',
            51821,
            (p) => `[${publicIP6(p)}]:51821`,
            (p) => `fd44:0:0:${p}::/64`,
          )
        : []),
      '',
    ].join('\n'),
  };
}

function ipsec({node, peers}: About): Left {
  const policy = (dir: string, from: number, to: number) => [
    `src 10.244.${from}.0/24 dst 10.244.${to}.0/24 `,
    `\tdir ${dir} priority 0 ptype main `,
    `\ttmpl src ${publicIP(from)} dst ${publicIP(to)}`,
    '\t\tproto esp reqid 11 mode tunnel',
  ];
  // What charon holds for its own sockets, so that IKE itself is not encrypted.
  const own = ['in', 'out'].flatMap((dir) => ['src 0.0.0.0/0 dst 0.0.0.0/0 ', `\tsocket ${dir} priority 0 ptype main `]);
  const state = (from: number, to: number) => [
    `src ${publicIP(from)} dst ${publicIP(to)}`,
    `\tproto esp spi 0xc0ffee${from}${to} reqid 11 mode tunnel`,
    '\treplay-window 0 flag af-unspec',
    '\taead rfc4106(gcm(aes)) <<Keys hidden>> 128',
    '\tanti-replay context: seq 0x0, oseq 0x5, bitmap 0x00000000',
    '\tsel src 0.0.0.0/0 dst 0.0.0.0/0 ',
  ];
  return {
    ...nothing,
    sockets: [500, 4500].map((port) => `UNCONN 0      0      0.0.0.0:${port} 0.0.0.0:* users:(("charon",pid=12,fd=9))`),
    policies: [...peers.flatMap((p) => [...policy('out', node, p), ...policy('fwd', p, node), ...policy('in', p, node)]), ...own, ''].join(
      '\n',
    ),
    states: [...peers.flatMap((p) => [...state(node, p), ...state(p, node)]), ''].join('\n'),
  };
}

/** `Mode: auto` and its like, since v0.18: one device for both families (§4.2). */
function wireguardSingle(about: About): Left {
  const {node, peers} = about;
  const separate = wireguard({...about, dual: false});
  const [device] = separate.devices;
  return {
    ...separate,
    devices: [{...device!, addresses: [...device!.addresses, ...inet6(`fd44:0:0:${node}::/128`)]}],
    routes6: [
      `unicast fd44:0:0:${node}:: dev flannel-wg table main proto kernel scope global metric 256 pref medium`,
      'unicast fd44::/56 dev flannel-wg table main proto boot scope global metric 1024 pref medium',
      `local fd44:0:0:${node}:: dev flannel-wg table local proto kernel scope global metric 0 pref medium`,
    ],
    wg: peers.reduce((text, p) => text.replace(`10.244.${p}.0/24`, `10.244.${p}.0/24,fd44:0:0:${p}::/64`), separate.wg),
  };
}

/** Every peer is called again after so many seconds, as `wireguard-native` of k3s has it (§8). */
function wireguardKept(about: About): Left {
  const left = wireguard(about);
  // A tunnel that is kept has a handshake of the last two minutes, by the clock of the recorded nodes.
  return {...left, wg: left.wg.replaceAll(/^((?:[^\t\n]*\t){5})\d+((?:\t\d+){2}\t)off$/gm, `$1${1_795_221_100}$225`)};
}

/** `UDPEncap`: ESP in UDP 4500. */
function ipsecInUdp(about: About): Left {
  const left = ipsec(about);
  const encap = '\tencap type espinudp sport 4500 dport 4500 addr 0.0.0.0';
  return {...left, states: left.states.replaceAll(/^\taead .*$/gm, (line) => `${line}\n${encap}`)};
}

/** flannel's own example of an extension: host-gw by commands. */
const routed = ({peers}: About): Left => ({
  ...nothing,
  routes: peers.map((p) => `unicast 10.244.${p}.0/24 via ${publicIP(p)} dev eth0 table main proto boot scope global `),
});

/** The `wireguard` of k3s before 1.26 (§8): an extension whose device has vxlan's name. */
function k3sWireguard(about: About): Left {
  const left = wireguard(about);
  const renamed = (text: string) => text.replaceAll('flannel-wg', 'flannel.1');
  return {
    ...left,
    devices: left.devices.map((d) => ({name: renamed(d.name), link: d.link.map(renamed), addresses: d.addresses.map(renamed)})),
    routes: left.routes.map(renamed),
    wg: renamed(left.wg).replaceAll(/off$/gm, (off, at: number, all: string) =>
      all.slice(0, at).split('\n').at(-1)!.split('\t').length > 5 ? '25' : off,
    ),
  };
}

/** Backends whose devices and rows the recorded bases do not have. */
export const leaves: {readonly [backend: string]: (about: About) => Left} = {
  ipip,
  udp,
  wireguard,
  ipsec,
  alloc: () => nothing,
  extension: routed,
  k3sWireguard,
  wireguardSingle,
  wireguardKept,
  ipsecInUdp,
};
