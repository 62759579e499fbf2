import {readNode} from '../../src/core/model/read-node.js';
import type {NodeState} from '../../src/core/node/state.js';

/** A node of which nothing was read but these sections; text as a person pastes it, or the kernel's JSON. */
export const nodeOf = (node: string, sections: Readonly<Record<string, string>>): NodeState =>
  readNode({
    node,
    via: 'folder',
    sections: Object.entries(sections).map(([name, out]) => ({name, command: name, rc: 0, out})),
  });

const link = (index: number, name: string, mac: string, more = '', peer?: number): string =>
  `${index}: ${name}${peer === undefined ? '' : `@if${peer}`}: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 qdisc noqueue ${more} state UP mode DEFAULT group default\n` +
  `    link/ether ${mac} brd ff:ff:ff:ff:ff:ff${peer === undefined ? '' : ' link-netnsid 1'} promiscuity 0\n${peer === undefined ? '' : '    veth\n'}`;

/** VM-0-49 of the article on TKE's networks: two pods on eth1, table 100. */
export const shared = {
  'ip-link':
    link(2, 'eth0', '52:54:00:6a:d6:a9') +
    link(4, 'eth1', '20:90:6f:cd:76:76') +
    link(11, 'eniec98d9f243c', 'aa:ab:c2:5d:05:90', '', 3) +
    link(16, 'eni8ba8b48a483', 'e2:62:fb:d2:cb:28', '', 3),
  'ip-rule': `0:	from all lookup local
512:	from all to 10.0.0.41 lookup main
512:	from all to 10.0.0.44 lookup main
1536:	from 10.0.0.41 lookup 100
1536:	from 10.0.0.44 lookup 100
32766:	from all lookup main
32767:	from all lookup default
`,
  'ip-route-all': `default via 10.0.0.1 dev eth1 table 100 onlink
default via 10.0.0.1 dev eth0 proto dhcp metric 100
default via 10.0.0.1 dev eth1 proto dhcp metric 101
10.0.0.0/24 dev eth0 proto kernel scope link src 10.0.0.49 metric 100
10.0.0.41 dev eniec98d9f243c scope link
10.0.0.44 dev eni8ba8b48a483 scope link
local 10.0.0.49 dev eth0 table local proto kernel scope host src 10.0.0.49
`,
  'ip-addr': `2: eth0: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 qdisc fq_codel state UP group default qlen 1000
    link/ether 52:54:00:6a:d6:a9 brd ff:ff:ff:ff:ff:ff
    inet 10.0.0.49/24 brd 10.0.0.255 scope global noprefixroute eth0
       valid_lft forever preferred_lft forever
4: eth1: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 qdisc fq_codel state UP group default qlen 1000
    link/ether 20:90:6f:cd:76:76 brd ff:ff:ff:ff:ff:ff
    inet 10.0.0.52/24 brd 10.0.0.255 scope global noprefixroute eth1
       valid_lft forever preferred_lft forever
`,
};

/** VM-0-29 of the same article: Global Router. */
export const router = {
  'ip-addr': `2: eth0: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 qdisc fq_codel state UP group default qlen 1000
    link/ether 52:54:00:cf:9f:ad brd ff:ff:ff:ff:ff:ff
    inet 10.0.0.29/24 brd 10.0.0.255 scope global noprefixroute eth0
       valid_lft forever preferred_lft forever
3: docker0: <NO-CARRIER,BROADCAST,MULTICAST,UP> mtu 1500 qdisc noqueue state DOWN group default
    link/ether 02:42:07:83:f1:3a brd ff:ff:ff:ff:ff:ff
    inet 169.254.32.1/28 brd 169.254.32.15 scope global docker0
       valid_lft forever preferred_lft forever
4: cbr0: <BROADCAST,MULTICAST,PROMISC,UP,LOWER_UP> mtu 1500 qdisc noqueue state UP group default qlen 1000
    link/ether f6:23:3e:66:b2:51 brd ff:ff:ff:ff:ff:ff
    inet 172.20.0.1/26 brd 172.20.0.63 scope global cbr0
       valid_lft forever preferred_lft forever
6: Vethdc4b21b7@if3: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 qdisc noqueue master cbr0 state UP group default
    link/ether 66:b8:19:aa:9f:91 brd ff:ff:ff:ff:ff:ff link-netnsid 1
7: Veth91fbf97b@if3: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 qdisc noqueue master cbr0 state UP group default
    link/ether 0a:17:bd:8e:7b:d4 brd ff:ff:ff:ff:ff:ff link-netnsid 2
`,
  'route-n': `Kernel IP routing table
Destination     Gateway         Genmask         Flags Metric Ref    Use Iface
0.0.0.0         10.0.0.1        0.0.0.0         UG    100    0        0 eth0
10.0.0.0        0.0.0.0         255.255.255.0   U     100    0        0 eth0
172.20.0.0      0.0.0.0         255.255.255.192 U     0      0        0 cbr0
`,
  'pods/network-tool-549c7756bd-bnc7x/ip-addr': `1: lo: <LOOPBACK,UP,LOWER_UP> mtu 65536 qdisc noqueue state UNKNOWN group default qlen 1000
    link/loopback 00:00:00:00:00:00 brd 00:00:00:00:00:00
    inet 127.0.0.1/8 scope host lo
       valid_lft forever preferred_lft forever
3: eth0@if6: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 qdisc noqueue state UP group default
    link/ether f6:b9:8c:3d:62:8c brd ff:ff:ff:ff:ff:ff link-netnsid 0
    inet 172.20.0.3/26 brd 172.20.0.63 scope global eth0
       valid_lft forever preferred_lft forever
`,
  'pods/network-tool-549c7756bd-bnc7x/route-n': `Kernel IP routing table
Destination     Gateway         Genmask         Flags Metric Ref    Use Iface
default         172.20.0.1      0.0.0.0         UG    0      0        0 eth0
172.20.0.0      *               255.255.255.192 U     0      0        0 eth0
`,
};
