import {leaseOf as familyLease} from '../../core/flannel/lease.js';
import type {Link} from '../../core/kernel/link.js';
import type {Route} from '../../core/kernel/route.js';
import type {Expected} from '../../core/modes/mode.js';
import {adjacent, type Lab, type LabNode, leaseOf, modeOfLab} from './topology.js';

/** What the mode asks of a node: the very rows that doctor compares with. */
export function expectedOn(lab: Lab, node: LabNode): Expected {
  const {mode, settings} = modeOfLab(lab);
  return mode.expect({
    settings,
    self: leaseOf(lab, node),
    peers: lab.nodes.filter((other) => other !== node).map((other) => leaseOf(lab, other)),
    uplink: {name: 'eth0', mtu: lab.spec.mtu},
    adjacent: (address) => adjacent(node, address),
    networks: [lab.netConf['Network'], lab.netConf['IPv6Network']].filter((n) => typeof n === 'string'),
  });
}

/** The rows as lines for `ip -batch` and `bridge -batch`, in an order the kernel accepts. Tolerated rows are not made: flanneld does not either. */
export function batchesOf(expected: Expected): {readonly ip: readonly string[]; readonly bridge: readonly string[]} {
  const rows = <T>(wants: readonly {readonly row: T; readonly tolerated?: boolean}[]): T[] =>
    wants.filter((w) => w.tolerated !== true).map((w) => w.row);
  return {
    ip: [
      ...rows(expected.link).flatMap(deviceLines),
      ...rows(expected.address).map((a) => `addr add ${a.local}/${a.prefixlen} dev ${a.dev}${a.family === 6 ? ' nodad' : ''}`),
      ...rows(expected.link).map((l) => `link set dev ${l.ifname} up`),
      ...rows(expected.neigh).map((n) => `neigh replace ${n.dst} lladdr ${n.lladdr} dev ${n.dev} nud permanent`),
      ...rows(expected.route).map(routeLine),
    ],
    bridge: rows(expected.fdb).map((f) => `fdb replace ${f.mac} dev ${f.dev} dst ${f.dst} self permanent`),
  };
}

/** As flanneld makes it: txqlen 0, link-local address from the MAC (model/flannel-backends.md §2.1). */
function deviceLines(link: Link): string[] {
  if (link.kind !== 'vxlan') throw new Error(`the lab cannot make a ${link.kind} device`);
  const info = link.info ?? {};
  const local = info['local'] ?? info['local6'];
  const learning = info['learning'] === true ? 'learning' : 'nolearning';
  return [
    `link add ${link.ifname}${link.address === undefined ? '' : ` address ${link.address}`} txqueuelen 0 mtu ${link.mtu} type vxlan id ${info['id']} ` +
      `local ${local} dev ${info['link']} dstport ${info['port']} ${learning}`,
    `link set dev ${link.ifname} addrgenmode eui64`,
  ];
}

function routeLine(route: Route): string {
  const words = [route.dst, 'via', route.gateway, 'dev', route.dev, ...route.flags.filter((flag) => flag === 'onlink')];
  // flanneld passes no metric: IPv6 gets the kernel's default, which is what the row says.
  if (route.family === 4 && route.metric !== 0) words.push('metric', String(route.metric));
  return `route replace ${words.join(' ')}`;
}

/** iptables-restore input: the chains of flannel 0.27 and later (model/flannel-backends.md §6.1, §6.2). */
export function netfilterOf(lab: Lab, node: LabNode, family: 4 | 6, options: {readonly randomFully: boolean}): string {
  const network = lab.netConf[family === 4 ? 'Network' : 'IPv6Network'];
  const subnet = familyLease(leaseOf(lab, node), family)!.subnet;
  const multicast = family === 4 ? '224.0.0.0/4' : 'ff00::/8';
  const masq = '-m comment --comment "flanneld masq" -j';
  const forward = '-m comment --comment "flanneld forward" -j';
  const random = options.randomFully ? ' --random-fully' : '';
  const postrtg = [
    `-m mark --mark 0x4000/0x4000 ${masq} RETURN`,
    `-s ${subnet} -d ${network} ${masq} RETURN`,
    `-s ${network} -d ${subnet} ${masq} RETURN`,
    `! -s ${network} -d ${subnet} ${masq} RETURN`,
    `-s ${network} ! -d ${multicast} ${masq} MASQUERADE${random}`,
    `! -s ${network} -d ${network} ${masq} MASQUERADE${random}`,
  ];
  return [
    '*nat',
    ':FLANNEL-POSTRTG - [0:0]',
    `-A POSTROUTING ${masq} FLANNEL-POSTRTG`,
    ...postrtg.map((rule) => `-A FLANNEL-POSTRTG ${rule}`),
    'COMMIT',
    '*filter',
    ':FLANNEL-FWD - [0:0]',
    `-A FORWARD ${forward} FLANNEL-FWD`,
    `-A FLANNEL-FWD -s ${network} ${forward} ACCEPT`,
    `-A FLANNEL-FWD -d ${network} ${forward} ACCEPT`,
    'COMMIT',
    '',
  ].join('\n');
}
