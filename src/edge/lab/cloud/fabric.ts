import type {Ip, Mac, Prefix} from '../../../core/net/address.js';
import type {Lab, LabNode} from '../topology.js';
import type {LabEni} from './cloud.js';
import {idOf} from './ids.js';

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
  /** The id of its security group. */
  readonly group: string;
}

/** A security group: from where interfaces that have it let packets in, whatever the protocol. */
export interface FabricGroup {
  readonly id: string;
  /** Whose it is: that of the nodes, or of the machine that is none. */
  readonly name: 'nodes' | 'vm';
  readonly from: readonly Prefix[];
}

/** What the lab's cloud holds: its fabric does by it, and its exports say it. Faults of the cloud are changes of this. */
export interface Fabric {
  readonly rows: readonly FabricRow[];
  readonly enis: readonly FabricEni[];
  readonly groups: readonly FabricGroup[];
}

/** Whose addresses a node's pods have: those that hang on eth1, or on eth0. */
const carries = (node: LabNode, eni: LabEni): readonly Ip[] =>
  node.pods.filter(({attachment}) => (eni.index === 0 ? attachment === 'policy-primary' : attachment === 'policy')).map((pod) => pod.ip);

/**
 * The fabric as `lab up` makes it: a row for each node's pod subnet in each table, each pod's address on the interface that carries it, and
 * security groups that let in all of the VPC and all pods.
 */
export function fabricOf(lab: Lab): Fabric {
  const {subnets, vm, vpc, podNetwork, provider} = lab.cloud!;
  const group = (name: FabricGroup['name']): FabricGroup => ({
    id: idOf(provider, 'group', lab.spec.name, name),
    name,
    from: [vpc.prefix, ...(podNetwork === undefined ? [] : [podNetwork])],
  });
  const [nodes, others] = [group('nodes'), group('vm')];
  const machine = (node: LabNode): readonly FabricEni[] => [
    ...node.enis!.map((eni) => ({...eni, addresses: [eni.ip, ...carries(node, eni)], group: nodes.id})),
    ...node.pods.flatMap((pod) => (pod.eni === undefined ? [] : [{...pod.eni, addresses: [pod.ip], group: nodes.id}])),
  ];
  return {
    groups: [nodes, others],
    enis: [...lab.nodes.flatMap(machine), {...vm.eni, addresses: [vm.ip], group: others.id}],
    rows: subnets.flatMap(({routeTable: table}) => [
      {table, dst: '0.0.0.0/0', target: 'nat', state: 'active'},
      ...lab.nodes
        .filter((node) => node.pods.some((pod) => pod.attachment === 'bridge'))
        .map((node): FabricRow => ({table, dst: node.subnet, target: node.ip, state: 'active'})),
    ]),
  };
}

/** The hardware address that the fabric answers with, on each of its ports. */
export const fabricMac: Mac = 'fe:ee:01:02:03:04';

/** The numbers of the rows that share packets, none where no two do. */
export function waysOf({rows}: Fabric): readonly number[] {
  const alike = rows.map((row) => rows.filter((r) => r.state === 'active' && r.table === row.table && r.dst === row.dst).length);
  const most = Math.max(1, ...alike);
  return most === 1 ? [] : Array.from({length: most}, (_, i) => i + 1);
}

/** The TOS byte whose DSCP is this number, as `ip` and `ping` take it. */
export const tosOf = (way: number): string => `0x${(way << 2).toString(16)}`;
