import {outside} from '../address-plan.js';
import type {Lab} from '../topology.js';
import type {LabEni} from './cloud.js';
import {type Fabric, type FabricRow, fabricOf, tosOf, waysOf} from './fabric.js';
import {greDev, type LabHost, underlayNetwork, wireDev} from './hosts.js';

/** Before any cable is in: ports answer for every address that the fabric knows. */
export const fabricSysctls = 'echo 1 > ipv4/conf/default/proxy_arp\n';

/** A host's own tables: for what comes from the other one, and for what it sends there. */
const deliveryTable = 110;
const wireTable = 111;

const wayTable = (table: number, way: number): number => table * 10 + way;

/** `ip -batch` for a host's namespace, before any cable is in. Its gateways are the other host's too, the world outside is the first's. */
export const fabricLines = (lab: Lab, host: LabHost): readonly string[] => [
  'link set dev lo up',
  ...(hasOutside(lab, host) ? [`addr add ${outside.ip}/32 dev lo`] : []),
  ...lab.cloud!.subnets.map((subnet) => `addr add ${subnet.gateway}/32 dev lo`),
];

const hasOutside = (lab: Lab, host: LabHost): boolean => host.netns === lab.underlay;

const subnetOf = (lab: Lab, eni: LabEni) => lab.cloud!.subnets.find((subnet) => subnet.id === eni.subnet)!;

const isOn = (eni: LabEni, host: LabHost): boolean => eni.fabric === host.netns;

/** `ip -batch` for it once the cables are in: who sends by which route table. */
export const fabricPortLines = (lab: Lab, host: LabHost): readonly string[] => [
  // The world knows no pods; the gateways do, and tell them what cannot be sent.
  `rule add from ${outside.ip} lookup main pref 50`,
  `rule add from ${outside.ip} unreachable pref 51`,
  `rule add iif lo lookup ${lab.cloud!.subnets[0]!.table} pref 60`,
  ...fabricOf(lab)
    .enis.filter((eni) => isOn(eni, host))
    .flatMap((eni) => [`link set dev ${eni.port} up`, `rule add iif ${eni.port} lookup ${subnetOf(lab, eni).table} pref 100`]),
  ...(host.wire === undefined
    ? []
    : [
        `route add ${host.wire.other} dev ${wireDev} src ${host.wire.own} table ${wireTable}`,
        `rule add iif lo to ${underlayNetwork} lookup ${wireTable} pref 40`,
        `rule add iif ${greDev} lookup ${deliveryTable} pref 100`,
      ]),
];

/**
 * Shell that brings a host's namespace to this state, whatever it was before. An interface may send what is its own, and what a row leads
 * to it, and gets what its security group lets in; all else is dropped without a word, as clouds do, unless it is unchecked. Rows that share packets do so by their addresses, as a hash
 * that is another on each machine has it; what carries a number in its DSCP goes by the row with that number, from one (`waysOf`). What is for
 * a machine on the other host goes there, and that host asks only which of its own machines a row names.
 */
export function fabricScript(lab: Lab, fabric: Fabric, host: LabHost): string {
  const {subnets} = lab.cloud!;
  const ways = waysOf(fabric);
  const tables = [...subnets.map(({table}) => table), deliveryTable];
  return [
    'set -e',
    // It answers for others at once.
    'for delay in /proc/sys/net/ipv4/neigh/*/proxy_delay; do echo 0 > "$delay"; done',
    'ip route flush table main',
    ...tables
      .flatMap((table) => [table, ...ways.map((way) => wayTable(table, way))])
      .map((table) => `ip route flush table ${table} 2>/dev/null || :`),
    'while ip rule del pref 90 2>/dev/null; do :; done',
    `ip -batch - <<'EOF'\n${[...addressLines(lab, fabric, host), ...rowLines(lab, fabric, host)].join('\n')}\nEOF`,
    `iptables-restore <<'EOF'\n*raw\n:PREROUTING ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n${sourceRules(fabric, host).join('\n')}\nCOMMIT
*filter\n:FORWARD ACCEPT [0:0]\n${groupRules(fabric, host).join('\n')}\nCOMMIT\nEOF`,
    '',
  ].join('\n');
}

/** Where each address is: at a port, or on the other host. */
function addressLines(lab: Lab, {enis}: Fabric, host: LabHost): readonly string[] {
  const lines = enis.flatMap((eni) => {
    const src = subnetOf(lab, eni).gateway;
    if (!isOn(eni, host)) return eni.addresses.map((address) => `route replace ${address}/32 dev ${greDev} scope link src ${src}`);
    return [
      ...eni.addresses.map((address) => `route replace ${address}/32 dev ${eni.port} scope link src ${src}`),
      ...eni.addresses.map((address) => `neigh replace ${address} lladdr ${eni.mac} dev ${eni.port} nud permanent`),
    ];
  });
  return hasOutside(lab, host) ? lines : [...lines, `route replace ${outside.ip}/32 dev ${greDev}`];
}

const activeRows = ({rows}: Fabric): readonly FabricRow[] => rows.filter((row) => row.state === 'active' && row.dst !== '0.0.0.0/0');

/** The rows of each route table, and of them what leads to this host's own machines for what the other host sends here. */
function rowLines(lab: Lab, fabric: Fabric, host: LabHost): readonly string[] {
  const active = activeRows(fabric);
  const ways = waysOf(fabric);
  const holder = (address: string) => fabric.enis.find((eni) => eni.addresses.includes(address));
  const here = (target: string) => {
    const eni = holder(target);
    return eni !== undefined && isOn(eni, host);
  };
  const hop = (target: string): string | undefined => {
    const eni = holder(target);
    return eni && `nexthop via ${target} dev ${isOn(eni, host) ? eni.port : greDev} onlink`;
  };
  const rows = lab.cloud!.subnets.flatMap(({routeTable, table, gateway: src}) => {
    const own = active.filter((row) => row.table === routeTable);
    return [...new Set(own.map((row) => row.dst))].flatMap((dst) => {
      const targets = own.flatMap((row) => (row.dst === dst && holder(row.target) ? [row.target] : []));
      if (targets.length === 0) return [`route replace blackhole ${dst} table ${table}`];
      return [
        `route replace ${dst} table ${table} src ${src} ${targets.map(hop).join(' ')}`,
        ...ways.map((way) => `route replace ${dst} table ${wayTable(table, way)} src ${src} ${hop(targets[(way - 1) % targets.length]!)}`),
      ];
    });
  });
  const senders = ways.flatMap((way) =>
    fabric.enis
      .filter((eni) => isOn(eni, host))
      .map((eni) => `rule add iif ${eni.port} tos ${tosOf(way)} lookup ${wayTable(subnetOf(lab, eni).table, way)} pref 90`),
  );
  if (host.wire === undefined) return [...rows, ...senders];
  const delivered = [...new Set(active.map((row) => row.dst))].flatMap((dst) => {
    const targets = [...new Set(active.flatMap((row) => (row.dst === dst && row.target !== 'nat' ? [row.target] : [])))];
    const own = targets.filter(here);
    if (own.length === 0) return [];
    return [
      `route replace ${dst} table ${deliveryTable} ${own.map(hop).join(' ')}`,
      ...ways.flatMap((way) => {
        const target = targets[(way - 1) % targets.length]!;
        return here(target) ? [`route replace ${dst} table ${wayTable(deliveryTable, way)} ${hop(target)}`] : [];
      }),
    ];
  });
  const arrivals = ways.map((way) => `rule add iif ${greDev} tos ${tosOf(way)} lookup ${wayTable(deliveryTable, way)} pref 90`);
  return [...rows, ...senders, ...delivered, ...arrivals];
}

/** What each interface may send; and nobody in the VPC sees the wire. */
function sourceRules(fabric: Fabric, host: LabHost): readonly string[] {
  const active = activeRows(fabric);
  const checked = fabric.enis.filter((eni) => isOn(eni, host) && eni.unchecked !== true);
  const allowed = checked.flatMap((eni) => {
    const sent = [...eni.addresses, ...active.filter((row) => eni.addresses.includes(row.target)).map((row) => row.dst)];
    return [
      ...[...new Set(sent)].map((source) => `-A PREROUTING -i ${eni.port} -s ${source} -j ACCEPT`),
      `-A PREROUTING -i ${eni.port} -j DROP`,
    ];
  });
  return host.wire === undefined ? allowed : [`-A PREROUTING ! -i ${wireDev} -d ${underlayNetwork} -j DROP`, ...allowed];
}

/** What security groups let in to each interface, and answers to what it sent itself. What the gateways say of a packet is not forwarded. */
const groupRules = ({enis, groups}: Fabric, host: LabHost): readonly string[] => [
  '-A FORWARD -m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT',
  ...enis
    .filter((eni) => isOn(eni, host))
    .flatMap((eni) => [
      ...groups.flatMap(({id, from}) => (id === eni.group ? from : [])).map((source) => `-A FORWARD -o ${eni.port} -s ${source} -j ACCEPT`),
      `-A FORWARD -o ${eni.port} -j DROP`,
    ]),
];
