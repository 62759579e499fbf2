import {createHash} from 'node:crypto';
import type {NodeDump, Section} from '../../src/core/node/dump.js';

/** Nodes of clouds, written after model/cloud-modes.md §1 to §3, with the addresses of the article that it quotes. */
export type CloudForm = 'tke-vpc-cni' | 'tke-global-router' | 'tke-mixed' | 'aws-vpc-cni' | 'terway' | 'tke-exclusive';

interface Pod {
  readonly name: string;
  readonly address: string;
  readonly kind: 'bridge' | 'policy' | 'exclusive';
}

interface Host {
  readonly name: string;
  readonly address: string;
  readonly eni: string;
  /** The node's part of the container network, and its first address. */
  readonly subnet: string;
  readonly gateway: string;
  readonly pods: readonly Pod[];
}

const policy = (name: string, address: string): Pod => ({name, address, kind: 'policy'});
const bridge = (name: string, address: string): Pod => ({name, address, kind: 'bridge'});
const exclusive = (name: string, address: string): Pod => ({name, address, kind: 'exclusive'});
const shared: readonly (readonly Pod[])[] = [
  [policy('n1-p1', '10.0.0.41'), policy('n1-p2', '10.0.0.44')],
  [policy('n2-p1', '10.0.0.30'), policy('n2-p2', '10.0.0.35')],
];
const bridged: readonly (readonly Pod[])[] = [
  [bridge('n1-b1', '172.20.0.3'), bridge('n1-b2', '172.20.0.4')],
  [bridge('n2-b1', '172.20.0.66'), bridge('n2-b2', '172.20.0.67')],
];
const podsOf: {readonly [F in CloudForm]: readonly (readonly Pod[])[]} = {
  'tke-vpc-cni': shared,
  'aws-vpc-cni': shared,
  terway: shared,
  'tke-global-router': bridged,
  'tke-mixed': shared.map((list, i) => [...list, ...bridged[i]!]),
  'tke-exclusive': [[exclusive('n1-e1', '10.0.0.46')], [exclusive('n2-e1', '10.0.0.36')]],
};

const digest = (text: string): string => createHash('sha1').update(text).digest('hex');
const mac = (text: string): string => `02:${digest(text).slice(0, 10).match(/../g)!.join(':')}`;
export const eniMac = (node: string): string => mac(`${node}/eth1`);
export const podNicMac = (pod: string): string => mac(`${pod}/nic`);

const flags = '<BROADCAST,MULTICAST,UP,LOWER_UP>';
const more = 'promiscuity 0  allmulti 0 minmtu 68 maxmtu 65535 ';

interface Device {
  readonly name: string;
  readonly index: number;
  readonly mac: string;
  readonly kind?: 'veth' | 'bridge';
  readonly peer?: number;
  readonly master?: string;
  readonly addresses?: readonly string[];
}

const head = (d: Device, mode: string): string =>
  `${d.index}: ${d.name}${d.peer === undefined ? '' : `@if${d.peer}`}: ${flags} mtu 1500 qdisc noqueue ${d.master === undefined ? '' : `master ${d.master} `}state UP ${mode}group default qlen 1000`;
const link = (d: Device): string[] => [
  head(d, 'mode DEFAULT '),
  `    link/ether ${d.mac} brd ff:ff:ff:ff:ff:ff ${d.peer === undefined ? '' : 'link-netnsid 0 '}${more}`,
  ...(d.kind === undefined ? [] : [`    ${d.kind} addrgenmode none numtxqueues 1 numrxqueues 1 `]),
];
const address = (d: Device): string[] => [
  head(d, ''),
  `    link/ether ${d.mac} brd ff:ff:ff:ff:ff:ff`,
  ...(d.addresses ?? []).flatMap((a) => [`    inet ${a} scope global ${d.name}`, '       valid_lft forever preferred_lft forever']),
];
const loLink = [
  '1: lo: <LOOPBACK,UP,LOWER_UP> mtu 65536 qdisc noqueue state UNKNOWN mode DEFAULT group default qlen 1000',
  '    link/loopback 00:00:00:00:00:00 brd 00:00:00:00:00:00 promiscuity 0  allmulti 0 minmtu 0 maxmtu 0 ',
];
const loAddress = [
  '1: lo: <LOOPBACK,UP,LOWER_UP> mtu 65536 qdisc noqueue state UNKNOWN group default qlen 1000',
  '    link/loopback 00:00:00:00:00:00 brd 00:00:00:00:00:00',
  '    inet 127.0.0.1/8 scope host lo',
  '       valid_lft forever preferred_lft forever',
];
const text = (lines: readonly string[]): string => lines.map((l) => `${l}\n`).join('');
const lo = 'local 127.0.0.1 dev lo table local proto kernel scope host src 127.0.0.1 ';
const local = (a: string, dev: string): string => `local ${a} dev ${dev} table local proto kernel scope host src ${a} `;

const hosts = (form: CloudForm): readonly Host[] => [
  {name: 'n1', address: '10.0.0.49', eni: '10.0.0.52', subnet: '172.20.0.0/26', gateway: '172.20.0.1', pods: podsOf[form][0]!},
  {name: 'n2', address: '10.0.0.37', eni: '10.0.0.38', subnet: '172.20.0.64/26', gateway: '172.20.0.65', pods: podsOf[form][1]!},
];

/** Two healthy nodes. */
export const cloudFormed = (form: CloudForm): readonly NodeDump[] => hosts(form).map((host) => dumpOf(form, host));

function dumpOf(form: CloudForm, host: Host): NodeDump {
  const {name, subnet, gateway, pods} = host;
  const led = pods.filter((p) => p.kind === 'policy');
  const onBridge = pods.filter((p) => p.kind === 'bridge');
  const table = form === 'terway' ? '1004' : form === 'aws-vpc-cni' ? '2' : '100';
  const from = form === 'terway' ? 2048 : 1536;
  const eth0: Device = {name: 'eth0', index: 2, mac: mac(`${name}/eth0`), addresses: [`${host.address}/24`]};
  const eth1: Device = {
    name: 'eth1',
    index: 4,
    mac: eniMac(name),
    addresses: [form === 'terway' ? `${host.address}/32` : `${host.eni}/24`],
  };
  const cbr0: Device = {name: 'cbr0', index: 5, mac: mac(`${name}/cbr0`), kind: 'bridge', addresses: [`${gateway}/26`]};
  const vethOf = (p: Pod, i: number): Device => ({
    name:
      p.kind === 'bridge'
        ? `Veth${digest(p.name).slice(0, 8)}`
        : `${form === 'terway' ? 'cali' : 'eni'}${digest(`default.${p.name}`).slice(0, 11)}`,
    index: 10 + i,
    peer: 3,
    mac: mac(`${p.name}/host`),
    kind: 'veth',
    ...(p.kind === 'bridge' && {master: 'cbr0'}),
  });
  const ends = new Map(pods.flatMap((p, i) => (p.kind === 'exclusive' ? [] : [[p.name, vethOf(p, i)] as const])));
  const devices = [eth0, ...(led.length > 0 ? [eth1] : []), ...(onBridge.length > 0 ? [cbr0] : []), ...ends.values()];
  const routes = [
    'unicast default via 10.0.0.1 dev eth0 table main proto dhcp scope global metric 100 ',
    ...(led.length > 0 && form.startsWith('tke')
      ? ['unicast default via 10.0.0.1 dev eth1 table main proto dhcp scope global metric 101 ']
      : []),
    `unicast 10.0.0.0/24 dev eth0 table main proto kernel scope link src ${host.address} metric 100 `,
    ...(onBridge.length > 0 ? [`unicast ${subnet} dev cbr0 table main proto kernel scope link src ${gateway} `] : []),
    ...led.map((p) => `unicast ${p.address} dev ${ends.get(p.name)!.name} table main proto boot scope link `),
    ...(led.length === 0
      ? []
      : form === 'aws-vpc-cni'
        ? [
            `unicast default via 10.0.0.1 dev eth1 table ${table} proto boot scope global `,
            `unicast 10.0.0.1 dev eth1 table ${table} proto boot scope link `,
          ]
        : [`unicast default via 10.0.0.1 dev eth1 table ${table} proto boot scope global onlink `]),
    ...devices.flatMap((d) => (d.addresses ?? []).map((a) => local(a.slice(0, a.indexOf('/')), d.name))),
    lo,
  ];
  const rules = [
    '0:\tfrom all lookup local',
    ...led.map((p) => `512:\tfrom all to ${p.address} lookup main`),
    ...(onBridge.length > 0 && led.length > 0 ? [`1024:\tfrom all to ${subnet} lookup main`] : []),
    ...(form === 'aws-vpc-cni' ? ['1024:\tfrom all fwmark 0x80/0x80 lookup main'] : []),
    ...led.map((p) => `${from}:\tfrom ${p.address} lookup ${table}`),
    ...(form === 'aws-vpc-cni' ? [`32765:\tfrom ${host.eni} lookup ${table}`] : []),
    '32766:\tfrom all lookup main',
    '32767:\tfrom all lookup default',
  ];
  const neigh = [
    '10.0.0.1 dev eth0 lladdr fe:ee:01:02:03:04 REACHABLE ',
    ...(led.length > 0 ? ['10.0.0.1 dev eth1 lladdr fe:ee:01:02:03:04 REACHABLE '] : []),
    ...pods.flatMap((p) =>
      p.kind === 'exclusive'
        ? []
        : [`${p.address} dev ${p.kind === 'bridge' ? 'cbr0' : ends.get(p.name)!.name} lladdr ${mac(`${p.name}/eth0`)} REACHABLE `],
    ),
  ];
  const confs = ['all', 'default', 'lo', ...devices.map((d) => d.name)];
  const sysctl = [
    'net/ipv4/ip_forward=1',
    ...(onBridge.length > 0 ? ['net/bridge/bridge-nf-call-iptables=1'] : []),
    ...confs.flatMap((c) => [
      `net/ipv4/conf/${c}/forwarding=1`,
      `net/ipv4/conf/${c}/rp_filter=0`,
      `net/ipv4/conf/${c}/proxy_arp=0`,
      `net/ipv4/conf/${c}/accept_local=0`,
    ]),
  ];
  const iptables =
    form === 'aws-vpc-cni'
      ? '# Generated by iptables-save v1.8.9 (nf_tables)\n*mangle\n:PREROUTING ACCEPT [0:0]\n[0:0] -A PREROUTING -i eth0 -m comment --comment "AWS, primary ENI" -m addrtype --dst-type LOCAL --limit-iface-in -j CONNMARK --set-xmark 0x80/0x80\n[0:0] -A PREROUTING -i eni+ -m comment --comment "AWS, primary ENI" -j CONNMARK --restore-mark --nfmask 0x80 --ctmask 0x80\nCOMMIT\n'
      : '';
  const section = (n: string, command: string, out: string): Section => ({name: n, command, rc: 0, out});
  const gone = (n: string, command: string): Section => ({
    name: n,
    command,
    rc: 1,
    out: '',
    err: `${command.split(' ')[0]}: No such file or directory`,
  });
  return {
    node: name,
    via: 'snapshot',
    takenAt: '2026-01-01T00:00:00.000Z',
    sections: [
      section('host', 'uname', `hostname=${name}\nkernel=5.4.119\niproute2=ip utility, iproute2-6.1.0\nuid=0\nsudo=no\n`),
      section('ip-link', 'ip -d link show', text([...loLink, ...devices.flatMap(link)])),
      section('ip-addr', 'ip addr show', text([...loAddress, ...devices.flatMap(address)])),
      section('ip-route-all', 'ip -4 -d route show table all', text(routes)),
      section('ip-6-route-all', 'ip -6 -d route show table all', ''),
      section('ip-rule', 'ip -4 rule show', text(rules)),
      section('ip-6-rule', 'ip -6 rule show', ''),
      section('ip-neigh', 'ip -4 neigh show', text(neigh)),
      section('ip-6-neigh', 'ip -6 neigh show', ''),
      section('ip-nexthop', 'ip nexthop show', ''),
      section(
        'bridge-fdb',
        'bridge fdb show',
        text(onBridge.map((p) => `${mac(`${p.name}/eth0`)} dev ${ends.get(p.name)!.name} master cbr0 `)),
      ),
      section('sysctl', 'grep . /proc/sys/net/...', text(sysctl)),
      section('iptables-save', 'iptables-save -c', iptables),
      section('ip6tables-save', 'ip6tables-save -c', ''),
      section(
        'nft',
        'nft -j list ruleset',
        '{"nftables": [{"metainfo": {"version": "1.0.6", "release_name": "Lester Gooch #5", "json_schema_version": 1}}]}',
      ),
      section('wg-show', 'wg show all dump', ''),
      section('ss-udp', 'ss -lunpH', ''),
      section('ip-xfrm-policy', 'ip xfrm policy list', ''),
      section('ip-xfrm-state', 'ip xfrm state list nokeys', ''),
      gone('subnet.env', 'cat /run/flannel/subnet.env'),
      gone('net-conf.json', 'cat /etc/kube-flannel/net-conf.json'),
      ...(onBridge.length > 0
        ? [
            section(
              'cni/multus/10-tke-bridge.conf',
              'cat /etc/cni/net.d/multus/10-tke-bridge.conf',
              `{"cniVersion": "0.3.1", "name": "tke-bridge", "type": "tke-bridge", "bridge": "cbr0", "ipMasq": false, "ipam": {"type": "host-local", "subnet": "${subnet}"}}`,
            ),
          ]
        : []),
      section('cni-bin', 'ls /opt/cni/bin', ''),
      ...pods.flatMap((p) => podSections(p, host, ends.get(p.name), cbr0.mac)),
      section('pods', 'ls -l /proc/[0-9]*/ns/net /run/netns', text(pods.map((p) => `${p.name} /run/netns/${p.name}`))),
      section('skipped', 'what was not looked at, and why', 'iptables-legacy-save not-loaded\nip6tables-legacy-save not-loaded\n'),
    ],
  };
}

function podSections(pod: Pod, {gateway, subnet}: Host, host: Device | undefined, bridgeMac: string): readonly Section[] {
  const own = pod.kind === 'exclusive' ? podNicMac(pod.name) : mac(`${pod.name}/eth0`);
  const eth0: Device = {
    ...{name: 'eth0', index: 3, mac: own, addresses: [`${pod.address}/${pod.kind === 'bridge' ? 26 : pod.kind === 'policy' ? 32 : 24}`]},
    ...(host && {peer: host.index, kind: 'veth' as const}),
  };
  const routes = {
    bridge: [
      `unicast default via ${gateway} dev eth0 table main proto boot scope global `,
      `unicast ${subnet} dev eth0 table main proto kernel scope link src ${pod.address} `,
    ],
    policy: [
      `unicast default via 169.254.1.1 dev eth0 table main proto boot scope global src ${pod.address} `,
      'unicast 169.254.1.1 dev eth0 table main proto boot scope link ',
    ],
    exclusive: [
      'unicast default via 10.0.0.1 dev eth0 table main proto boot scope global ',
      `unicast 10.0.0.0/24 dev eth0 table main proto kernel scope link src ${pod.address} `,
    ],
  }[pod.kind];
  const neigh = {
    bridge: `${gateway} dev eth0 lladdr ${bridgeMac} REACHABLE `,
    policy: `169.254.1.1 dev eth0 lladdr ${host?.mac ?? ''} PERMANENT `,
    exclusive: '10.0.0.1 dev eth0 lladdr fe:ee:01:02:03:04 REACHABLE ',
  }[pod.kind];
  const section = (n: string, command: string, out: string): Section => ({name: `pods/${pod.name}/${n}`, command, rc: 0, out});
  return [
    section('ip-addr', 'ip addr show', text([...loAddress, ...address(eth0)])),
    section('ip-link', 'ip -d link show', text([...loLink, ...link(eth0)])),
    section('ip-route-all', 'ip -4 -d route show table all', text([...routes, local(pod.address, 'eth0'), lo])),
    section('ip-6-route-all', 'ip -6 -d route show table all', ''),
    section('ip-neigh', 'ip -4 neigh show', text([neigh])),
    section('ip-6-neigh', 'ip -6 neigh show', ''),
  ];
}
