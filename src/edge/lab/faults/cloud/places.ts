import type {Fabric, FabricGroup, FabricRow} from '../../cloud/fabric.js';
import type {LabFacts, LabNodeFacts} from '../fault.js';

type Pod = LabNodeFacts['pods'][number];

/** Pods of n1 whose packets a rule leads to a table of their own. */
export const ruledPods = ({nodes}: LabFacts): readonly Pod[] => nodes[0]!.pods.filter((pod) => pod.attachment === 'policy');

export const hasRuled = (lab: LabFacts): boolean => ruledPods(lab).length > 0 && lab.nodes.length > 1;

/** The first of them, and what its faults need to know of the node. */
export function ruledOn(lab: LabFacts) {
  const [n1, n2] = lab.nodes as [LabNodeFacts, LabNodeFacts];
  const [pod, other = pod!] = ruledPods(lab);
  const {prefix, gateway} = lab.cloud!.subnets[0]!;
  const eth1 = n1.enis![1]!;
  return {
    pod: {...pod!, table: pod!.table!},
    other,
    from: lab.cloud!.from!,
    subnet: prefix,
    gateway,
    mac: eth1.mac,
    eni: eth1.id,
    otherEni: n2.enis![1]!.id,
    /** The address of eth1 as it was given. */
    second: lab.backend === 'terway' ? `${n1.ip}/32` : `${eth1.ip}/24`,
    /** An address that no pod has, and one that a pod of n2 has. */
    gone: prefix.replace(/0\/24$/, '250'),
    moved: n2.pods.find(({attachment}) => attachment === 'policy')!.ip,
  };
}

/** n1's first pod on a bridge, and its first with a network interface of its own. */
export const bridged = ({nodes, cloud}: LabFacts): Pod | undefined =>
  cloud && nodes.length > 1 ? nodes[0]!.pods.find(({attachment}) => attachment === 'bridge') : undefined;
export const alone = ({nodes}: LabFacts): Pod | undefined => nodes[0]!.pods.find(({attachment}) => attachment === 'exclusive');

/** A node that is gone: its address, and the pod subnet that it had. */
export function departed({nodes}: LabFacts): {readonly ip: string; readonly subnet: string} {
  const [{ip, subnet}] = nodes as [LabNodeFacts];
  return {ip: ip.replace(/\d+$/, '29'), subnet: subnet.replace(/\d+\.\d+\//, '99.0/')};
}

export const withoutRow = ({rows}: Fabric, {subnet}: LabNodeFacts): readonly FabricRow[] => rows.filter((row) => row.dst !== subnet);

/** A row in each route table. */
export const rowsTo = ({cloud}: LabFacts, dst: string, target: string): readonly FabricRow[] =>
  cloud!.subnets.map(({routeTable: table}) => ({table, dst, target, state: 'active'}));

/** The cloud's rows as they were made; of its interfaces nothing changes. */
export const asMade = (now: Fabric, lab: LabFacts): Fabric => ({
  ...now,
  rows: lab.cloud!.subnets.flatMap(({routeTable: table}): readonly FabricRow[] => [
    {table, dst: '0.0.0.0/0', target: 'nat', state: 'active'},
    ...lab.nodes.map((node): FabricRow => ({table, dst: node.subnet, target: node.ip, state: 'active'})),
  ]),
});

/** An address on this interface alone, or on none. */
export const onEni = (now: Fabric, address: string, eni: string | undefined): Fabric => ({
  ...now,
  enis: now.enis.map((one) => {
    const others = one.addresses.filter((a) => a !== address);
    return {...one, addresses: one.id === eni ? [...others, address] : others};
  }),
});

/** The group of these machines letting in no pods, and letting them in again. */
export const groupWithoutPods = (now: Fabric, {cloud}: LabFacts, whose: FabricGroup['name']): Fabric => ({
  ...now,
  groups: now.groups.map((one) => (one.name === whose ? {...one, from: one.from.filter((prefix) => prefix !== cloud?.podNetwork)} : one)),
});

export const groupWithPods = (now: Fabric, lab: LabFacts, whose: FabricGroup['name']): Fabric => ({
  ...now,
  groups: groupWithoutPods(now, lab, whose).groups.map((one) =>
    one.name === whose ? {...one, from: [...one.from, lab.cloud!.podNetwork!]} : one,
  ),
});
