import type {Ip, Mac, Prefix} from '../../../core/net/address.js';
import {outside} from '../address-plan.js';
import type {Lab, LabNode} from '../topology.js';
import type {LabEni} from './cloud.js';

/** A row of a route table of the lab's cloud. */
export interface FabricRow {
  /** The cloud's name of the table. */
  readonly table: string;
  readonly dst: Prefix;
  /** The address of the machine that it leads to, or one that no machine has; `nat`: the way out of the VPC. */
  readonly target: Ip | 'nat';
  readonly state: 'active' | 'disabled';
}

/** A network interface as the cloud knows it. */
export interface FabricEni extends LabEni {
  /** All its addresses, its first one too. */
  readonly addresses: readonly Ip[];
}

/** What the lab's cloud holds: its fabric does by it, and its exports say it. Faults of the cloud are changes of this. */
export interface Fabric {
  readonly rows: readonly FabricRow[];
  readonly enis: readonly FabricEni[];
}

/** Whose addresses a node's pods have: those that hang on eth1, or on eth0. */
const carries = (node: LabNode, eni: LabEni): readonly Ip[] =>
  node.pods.filter(({attachment}) => (eni.index === 0 ? attachment === 'policy-primary' : attachment === 'policy')).map((pod) => pod.ip);

/** The fabric as `lab up` makes it: a row for each node's pod subnet in each table, each pod's address on the interface that carries it. */
export function fabricOf(lab: Lab): Fabric {
  const {subnets, vm} = lab.cloud!;
  const machine = (node: LabNode): readonly FabricEni[] => [
    ...node.enis!.map((eni) => ({...eni, addresses: [eni.ip, ...carries(node, eni)]})),
    ...node.pods.flatMap((pod) => (pod.eni === undefined ? [] : [{...pod.eni, addresses: [pod.ip]}])),
  ];
  return {
    enis: [...lab.nodes.flatMap(machine), {...vm.eni, addresses: [vm.ip]}],
    rows: subnets.flatMap(({routeTable: table}) => [
      {table, dst: '0.0.0.0/0', target: 'nat', state: 'active'},
      ...lab.nodes
        .filter((node) => node.pods.some((pod) => pod.attachment === 'bridge'))
        .map((node): FabricRow => ({table, dst: node.subnet, target: node.ip, state: 'active'})),
    ]),
  };
}

/** Before any cable is in: ports answer for every address that the fabric knows. */
export const fabricSysctls = 'echo 1 > ipv4/conf/default/proxy_arp\n';

/** The hardware address that the fabric answers with, on each of its ports. */
export const fabricMac: Mac = 'fe:ee:01:02:03:04';

/** `ip -batch` for the fabric's namespace, before any cable is in. */
export const fabricLines = (lab: Lab): readonly string[] => [
  'link set dev lo up',
  `addr add ${outside.ip}/32 dev lo`,
  ...lab.cloud!.subnets.map((subnet) => `addr add ${subnet.gateway}/32 dev lo`),
];

/** `ip -batch` for it once the cables are in: who sends by which route table. */
export function fabricPortLines(lab: Lab): readonly string[] {
  const table = (eni: LabEni) => lab.cloud!.subnets.find((subnet) => subnet.id === eni.subnet)!.table;
  return [
    // The world knows no pods; the gateways do, and tell them what cannot be sent.
    `rule add from ${outside.ip} lookup main pref 50`,
    `rule add from ${outside.ip} unreachable pref 51`,
    `rule add iif lo lookup ${lab.cloud!.subnets[0]!.table} pref 60`,
    ...fabricOf(lab).enis.flatMap((eni) => [`link set dev ${eni.port} up`, `rule add iif ${eni.port} lookup ${table(eni)} pref 100`]),
  ];
}

/** The numbers of the rows that share packets, none where no two do. */
export function waysOf({rows}: Fabric): readonly number[] {
  const alike = rows.map((row) => rows.filter((r) => r.state === 'active' && r.table === row.table && r.dst === row.dst).length);
  const most = Math.max(1, ...alike);
  return most === 1 ? [] : Array.from({length: most}, (_, i) => i + 1);
}

/** The TOS byte whose DSCP is this number, as `ip` and `ping` take it. */
export const tosOf = (way: number): string => `0x${(way << 2).toString(16)}`;

const wayTable = (table: number, way: number): number => table * 10 + way;

/**
 * Shell that brings the fabric's namespace to this state, whatever it was before. An interface may send what is its own, and what a row leads
 * to it; all else is dropped without a word, as clouds do, unless it is unchecked. Rows that share packets do so by their addresses, as a hash
 * that is another on each machine has it; what carries a number in its DSCP goes by the row with that number, from one (`waysOf`).
 */
export function fabricScript(lab: Lab, fabric: Fabric): string {
  const {subnets} = lab.cloud!;
  const gateway = (eni: LabEni) => subnets.find((subnet) => subnet.id === eni.subnet)!.gateway;
  const holder = (address: string) => fabric.enis.find((eni) => eni.addresses.includes(address));
  const active = fabric.rows.filter((row) => row.state === 'active' && row.dst !== '0.0.0.0/0');
  const addresses = fabric.enis.flatMap((eni) => [
    ...eni.addresses.map((address) => `route replace ${address}/32 dev ${eni.port} scope link src ${gateway(eni)}`),
    ...eni.addresses.map((address) => `neigh replace ${address} lladdr ${eni.mac} dev ${eni.port} nud permanent`),
  ]);
  const ways = waysOf(fabric);
  const rows = subnets.flatMap(({routeTable, table, gateway: src}) => {
    const own = active.filter((row) => row.table === routeTable);
    return [...new Set(own.map((row) => row.dst))].flatMap((dst) => {
      const hops = own
        .filter((row) => row.dst === dst)
        .flatMap(({target}) => {
          const eni = holder(target);
          return eni === undefined ? [] : [`nexthop via ${target} dev ${eni.port} onlink`];
        });
      if (hops.length === 0) return [`route replace blackhole ${dst} table ${table}`];
      return [
        `route replace ${dst} table ${table} src ${src} ${hops.join(' ')}`,
        ...ways.map((way) => `route replace ${dst} table ${wayTable(table, way)} src ${src} ${hops[(way - 1) % hops.length]}`),
      ];
    });
  });
  const tableOf = (eni: LabEni) => subnets.find((subnet) => subnet.id === eni.subnet)!.table;
  const senders = ways.flatMap((way) =>
    fabric.enis.map((eni) => `rule add iif ${eni.port} tos ${tosOf(way)} lookup ${wayTable(tableOf(eni), way)} pref 90`),
  );
  const checked = fabric.enis.filter((eni) => eni.unchecked !== true);
  const allowed = checked.flatMap((eni) => {
    const sent = [...eni.addresses, ...active.filter((row) => eni.addresses.includes(row.target)).map((row) => row.dst)];
    return [
      ...[...new Set(sent)].map((source) => `-A PREROUTING -i ${eni.port} -s ${source} -j ACCEPT`),
      `-A PREROUTING -i ${eni.port} -j DROP`,
    ];
  });
  return [
    'set -e',
    // It answers for others at once.
    'for delay in /proc/sys/net/ipv4/neigh/*/proxy_delay; do echo 0 > "$delay"; done',
    'ip route flush table main',
    ...subnets.map(({table}) => `ip route flush table ${table} 2>/dev/null || :`),
    'while ip rule del pref 90 2>/dev/null; do :; done',
    ...subnets.flatMap(({table}) => ways.map((way) => `ip route flush table ${wayTable(table, way)} 2>/dev/null || :`)),
    `ip -batch - <<'EOF'\n${[...addresses, ...rows, ...senders].join('\n')}\nEOF`,
    `iptables-restore <<'EOF'\n*raw\n:PREROUTING ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n${allowed.join('\n')}\nCOMMIT\nEOF`,
    '',
  ].join('\n');
}
