import {deviceWords} from '../../core/change/operations/device-words/index.js';
import {adding} from '../../core/change/operations/link.js';
import {leaseOf as familyLease} from '../../core/flannel/lease.js';
import type {Link} from '../../core/kernel/link.js';
import type {Route} from '../../core/kernel/route.js';
import type {XfrmPolicy} from '../../core/kernel/xfrm.js';
import type {Expected} from '../../core/modes/mode.js';
import {backendOf} from './backends/index.js';
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

/** What the lab makes of that on a node: nothing where the backend's own commands make it. */
export const madeOn = (lab: Lab, node: LabNode): Expected =>
  backendOf(lab.spec.backend).commands ? {link: [], address: [], route: [], neigh: [], fdb: []} : expectedOn(lab, node);

/** The rows as lines for `ip -batch` and `bridge -batch`, in an order the kernel accepts. Tolerated rows are not made: flanneld does not either. */
export function batchesOf(
  expected: Expected,
  between: readonly string[] = [],
): {readonly ip: readonly string[]; readonly bridge: readonly string[]} {
  const rows = <T>(wants: readonly {readonly row: T; readonly tolerated?: boolean}[]): T[] =>
    wants.filter((w) => w.tolerated !== true).map((w) => w.row);
  return {
    ip: [
      ...rows(expected.link).flatMap(deviceLines),
      ...rows(expected.address).map((a) => `addr add ${a.local}/${a.prefixlen} dev ${a.dev}${a.family === 6 ? ' nodad' : ''}`),
      ...rows(expected.link).map((l) => `link set dev ${l.ifname} up`),
      ...rows(expected.neigh).map((n) => `neigh replace ${n.dst} lladdr ${n.lladdr} dev ${n.dev} nud permanent`),
      ...between,
      ...rows(expected.xfrm ?? []).map(policyLine),
      ...rows(expected.route).map((r) =>
        routeLine(
          r,
          rows(expected.link).find((l) => l.ifname === r.dev),
        ),
      ),
    ],
    bridge: rows(expected.fdb).map((f) => `fdb replace ${f.mac} dev ${f.dev} dst ${f.dst} self permanent`),
  };
}

/** Shell for a node that takes away what is flannel's there, devices and rows, and makes it anew as the lab's start did. */
export function anewOn(lab: Lab, node: LabNode): string {
  const {clear, before, ipLines, after, commands} = backendOf(lab.spec.backend);
  if (commands) return commands.again(lab, node);
  const expected = expectedOn(lab, node);
  const {ip, bridge} = batchesOf(expected, ipLines?.(lab, node));
  const batch = (tool: string, lines: readonly string[]) =>
    lines.length === 0 ? [] : [`${tool} -batch - <<'EOF'\n${lines.join('\n')}\nEOF`];
  return [
    ...(clear === undefined ? [] : [clear]),
    ...expected.link.filter(({row}) => row.kind !== 'tun').map(({row}) => `ip link del ${row.ifname} 2>/dev/null`),
    'set -e',
    ...(before === undefined ? [] : [before(lab, node)]),
    ...batch('ip', ip),
    ...(after === undefined ? [] : [after(expected)]),
    ...batch('bridge', bridge),
  ].join('\n');
}

/** As flanneld makes its devices (model/flannel-backends.md §2.1, §4), in the words of changes. */
function deviceLines(link: Link): readonly string[] {
  // A TUN device is made by what moves its packets.
  if (link.kind === 'tun') return [`link set dev ${link.ifname} mtu ${link.mtu}`];
  if (link.kind === undefined || deviceWords[link.kind] === undefined) throw new Error(`the lab cannot make a ${link.kind} device`);
  return [
    adding(link),
    // The link-local address comes from the MAC.
    ...(link.kind === 'vxlan' ? [`link set dev ${link.ifname} addrgenmode eui64`] : []),
  ];
}

function routeLine(route: Route, dev: Link | undefined): string {
  const words = [
    route.dst,
    ...(route.gateway === undefined ? [] : ['via', route.gateway]),
    'dev',
    route.dev,
    ...route.flags.filter((flag) => flag === 'onlink'),
  ];
  // flanneld gives its route into the TUN device no scope; ip would make that `link`, which is what WireGuard's has.
  if (dev?.kind === 'tun') words.push('scope', 'global');
  // flanneld passes no metric: IPv6 gets the kernel's default, which is what the row says.
  if (route.family === 4 && route.metric !== 0) words.push('metric', String(route.metric));
  return `route replace ${words.join(' ')}`;
}

function policyLine({dir, src, dst, priority, tmpl}: XfrmPolicy): string {
  const templates = tmpl.map((t) => ` tmpl src ${t.src} dst ${t.dst} proto ${t.proto} reqid ${t.reqid} mode ${t.mode}`);
  return `xfrm policy update src ${src} dst ${dst} dir ${dir}${priority === 0 ? '' : ` priority ${priority}`}${templates.join('')}`;
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
