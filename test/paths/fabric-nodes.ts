import type {Given} from '../../src/core/model/cluster.js';
import type {NodeDump} from '../../src/core/node/dump.js';
import type {Walk} from '../../src/core/path/step.js';
import {openTrace, type Traced, type Wish} from '../../src/edge/trace.js';
import {router, shared} from '../fabric/seed-nodes.js';

/** The nodes of the articles, whole enough to be walked through: their own rows, and what they leave out as the kernel has it there. */
export type Sections = Readonly<Record<string, string>>;

const link = (index: number, name: string, mac: string, more = '', peer?: number): string =>
  `${index}: ${name}${peer === undefined ? '' : `@if${peer}`}: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 qdisc noqueue ${more} state UP mode DEFAULT group default\n` +
  `    link/ether ${mac} brd ff:ff:ff:ff:ff:ff${peer === undefined ? '' : ' link-netnsid 1'} promiscuity 0\n${peer === undefined ? '' : '    veth\n'}`;
const bridge = (index: number, name: string, mac: string): string => `${link(index, name, mac)}    bridge forward_delay 1500\n`;
const address = (index: number, name: string, text: string): string =>
  `${index}: ${name}: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 qdisc noqueue state UP group default\n    inet ${text} scope global ${name}\n       valid_lft forever preferred_lft forever\n`;
const sysctl = ['all', 'eth0', 'eth1', 'cbr0', 'docker0', 'eni8ba8b48a483', 'eniec98d9f243c', 'eni0f548c70045', 'eni353b4974c2c']
  .flatMap((dev) => [`net/ipv4/conf/${dev}/forwarding=1`, `net/ipv4/conf/${dev}/rp_filter=0`])
  .concat('net/ipv4/ip_forward=1', '')
  .join('\n');
const rules = '0:	from all lookup local\n32766:	from all lookup main\n32767:	from all lookup default\n';

/** A pod behind a veth: with `gateway` of a bridge, or 169.254.1.1 and the hardware address of its other end. */
export function pod(name: string, index: number, mac: string, ip: string, gateway: string, permanent?: string): Sections {
  const length = permanent === undefined ? Number(ip.split('/')[1]) : 32;
  const own = ip.split('/')[0]!;
  const near =
    permanent === undefined
      ? `${gateway.replace(/\d+$/, (n) => String(Number(n) - 1))}/${length} dev eth0 scope link src ${own}`
      : `${gateway} dev eth0 scope link`;
  return {
    [`pods/${name}/ip-link`]: link(3, 'eth0', mac, '', index),
    [`pods/${name}/ip-addr`]: address(3, 'eth0', `${own}/${length}`),
    [`pods/${name}/ip-route-all`]: `default via ${gateway} dev eth0\n${near}\nlocal ${own} dev eth0 table local proto kernel scope host src ${own}\n`,
    [`pods/${name}/ip-neigh`]: permanent === undefined ? '' : `${gateway} dev eth0 lladdr ${permanent} PERMANENT\n`,
  };
}

/** A node with a bridge whose default route is all it knows of the others. */
export function bridged(
  own: string,
  subnet: string,
  name: string,
  pods: readonly [name: string, index: number, mac: string, ip: string][],
  more = '',
): Sections {
  const [base = '', length = ''] = subnet.split('/');
  const gateway = base.replace(/\d+$/, (n) => String(Number(n) + 1));
  const net = own.replace(/\d+$/, '');
  return {
    'ip-link':
      link(2, 'eth0', `52:54:00:00:00:${own.split('.')[3]!}`) +
      bridge(4, name, 'f6:23:3e:66:b2:51') +
      pods.map(([, index]) => link(index, `Veth${index}c4b21b7`, `66:b8:19:aa:9f:0${index}`, `master ${name}`, 3)).join(''),
    'ip-addr': address(2, 'eth0', `${own}/24`) + address(4, name, `${gateway}/${length}`),
    'ip-rule': rules,
    'ip-route-all': `default via ${net}1 dev eth0 proto dhcp metric 100\n${net}0/24 dev eth0 proto kernel scope link src ${own} metric 100\n${subnet} dev ${name} proto kernel scope link src ${gateway}\n${more}local ${own} dev eth0 table local proto kernel scope host src ${own}\nlocal ${gateway} dev ${name} table local proto kernel scope host src ${gateway}\n`,
    'ip-neigh': `${net}1 dev eth0 lladdr fe:ee:01:02:03:04 REACHABLE\n`,
    'bridge-fdb': '',
    sysctl,
    ...Object.assign({}, ...pods.map(([podName, index, mac, ip]) => pod(podName, index, mac, ip, gateway))),
  };
}

const near = '10.0.0.1 dev eth0 lladdr fe:ee:01:02:03:04 REACHABLE\n10.0.0.1 dev eth1 lladdr fe:ee:01:02:03:04 REACHABLE\n';

/** VM-0-49 of the article on TKE, with its two pods, and its peer, which the article calls VM-0-40 and shows as 10.0.0.22. */
export const policyNodes: Readonly<Record<string, Sections>> = {
  'VM-0-49': {
    ...shared,
    'ip-route-all': `${shared['ip-route-all']}local 10.0.0.52 dev eth1 table local proto kernel scope host src 10.0.0.52\n`,
    'ip-neigh': near,
    sysctl,
    ...pod('pod1', 16, '8a:29:c5:ea:79:f1', '10.0.0.44/32', '169.254.1.1', 'e2:62:fb:d2:cb:28'),
    ...pod('pod2', 11, '8a:29:c5:ea:79:f2', '10.0.0.41/32', '169.254.1.1', 'aa:ab:c2:5d:05:90'),
  },
  'VM-0-22': {
    'ip-link':
      link(2, 'eth0', '52:54:00:00:00:22') +
      link(4, 'eth1', '20:90:6f:00:00:23') +
      link(7, 'eni0f548c70045', '0a:00:00:00:00:30', '', 3) +
      link(8, 'eni353b4974c2c', '0a:00:00:00:00:35', '', 3),
    'ip-addr': address(2, 'eth0', '10.0.0.22/24') + address(4, 'eth1', '10.0.0.23/24'),
    'ip-rule':
      '0:	from all lookup local\n512:	from all to 10.0.0.30 lookup main\n512:	from all to 10.0.0.35 lookup main\n1536:	from 10.0.0.30 lookup 100\n1536:	from 10.0.0.35 lookup 100\n32766:	from all lookup main\n32767:	from all lookup default\n',
    'ip-route-all': `default via 10.0.0.1 dev eth1 table 100 onlink
default via 10.0.0.1 dev eth0 proto dhcp metric 100
default via 10.0.0.1 dev eth1 proto dhcp metric 101
10.0.0.0/24 dev eth0 proto kernel scope link src 10.0.0.22 metric 100
10.0.0.30 dev eni0f548c70045 scope link
10.0.0.35 dev eni353b4974c2c scope link
local 10.0.0.22 dev eth0 table local proto kernel scope host src 10.0.0.22
local 10.0.0.23 dev eth1 table local proto kernel scope host src 10.0.0.23
`,
    'ip-neigh': near,
    sysctl,
    ...pod('pod4', 7, '0c:00:00:00:00:30', '10.0.0.30/32', '169.254.1.1', '0a:00:00:00:00:30'),
    ...pod('pod5', 8, '0c:00:00:00:00:35', '10.0.0.35/32', '169.254.1.1', '0a:00:00:00:00:35'),
  },
};

/** Node1 and Node2 of Global Router. */
export const routerNodes: Readonly<Record<string, Sections>> = {
  'VM-0-29': bridged('10.0.0.29', '172.20.0.0/26', 'cbr0', [
    ['pod1', 6, 'f6:b9:8c:3d:62:8c', '172.20.0.3/26'],
    ['pod2', 7, 'f6:b9:8c:3d:62:04', '172.20.0.4/26'],
  ]),
  'VM-0-37': bridged('10.0.0.37', '172.20.0.64/26', 'cbr0', [['pod4', 6, 'f6:b9:8c:3d:62:66', '172.20.0.66/26']]),
};

export {router};

const noFirewall = {nft: '{"nftables": []}', 'iptables-save': '', 'iptables-legacy-save': ''};

export const dumpOf = (node: string, sections: Sections): NodeDump => ({
  node,
  via: 'folder',
  sections: Object.entries({...noFirewall, ...sections}).map(([name, out]) => ({name, command: name, rc: 0, out})),
});

/** Traces between the ends in what the nodes' sections say. */
export async function traced(
  nodes: Readonly<Record<string, Sections>>,
  from: string,
  to: string,
  given: Given = {},
  wish: Wish = {proto: 'icmp'},
): Promise<Traced> {
  const dumps = Object.entries(nodes).map(([name, sections]) => dumpOf(name, sections));
  const tracer = await openTrace(
    {
      async *nodes() {
        yield* dumps;
      },
    },
    given,
    {ends: [from, to]},
  );
  return tracer.trace(tracer.endpoint(from), tracer.endpoint(to), wish);
}

/** A walk as short lines: `place: kind what decided`. */
export const shown = (walk: Walk | undefined): readonly string[] =>
  (walk?.hops ?? []).flatMap(({place, steps}) =>
    steps.map(
      ({kind, text, evidence}) => `${place}: ${kind} ${kind === 'route' || kind === 'rule' ? (evidence[0]?.lines[0] ?? text) : text}`,
    ),
  );
