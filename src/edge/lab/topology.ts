import type {Lease} from '../../core/flannel/lease.js';
import {foldKeys} from '../../core/flannel/net-conf.js';
import {modeOf} from '../../core/modes/index.js';
import type {Mode, Settings} from '../../core/modes/mode.js';
import type {Ip, Mac, Prefix} from '../../core/net/address.js';
import {contains, hostOf} from '../../core/net/prefix.js';
import {outside, podNetwork, podNetwork6} from './address-plan.js';
import {backendOf} from './backends/index.js';
import {checkSpec, checkUnchecked} from './check-spec.js';
import type {LabCloud, LabEni} from './cloud/cloud.js';
import {layOutCloud, layOutCloudNode} from './cloud/lay-out.js';
import {bytesOf, macOf} from './identity.js';

/** What somebody asks for; everything else of a lab follows from it, so that two labs of one spec are alike to the last MAC. */
export interface LabSpec {
  readonly name: string;
  readonly nodes: number;
  /** Pods on each node. */
  readonly pods: number;
  /** flannel's `Backend.Type`, or the name of a cloud's own plugin: one of `backends`. */
  readonly backend: string;
  readonly directRouting: boolean;
  readonly dualStack: boolean;
  /** `l2`: all nodes on one L2 segment. `routed`: n1 and n2 on one, the others on another, with a router between. */
  readonly underlay: 'l2' | 'routed';
  readonly vni: number;
  readonly port: number;
  /** MTU of the nodes' eth0, bytes. */
  readonly mtu: number;
  readonly ssh: boolean;
  /** tke-vpc-cni: of each node's pods, so many have a network interface of their own, and so many hang on a bridge as in the Global Router. */
  readonly exclusive: number;
  readonly bridged: number;
  /** In a cloud: physical hosts that its machines are on, one or two; between them packets go in GRE. */
  readonly hosts: number;
  /** In a cloud: interfaces that may send with any address, by their name in their machine (`eth1`), that of their port (`n1-eth1`), or `all`. */
  readonly unchecked: readonly string[];
}

export interface LabPod {
  /** Unique in the lab: `n1-p1`. Also the name of its namespace as seen from inside its node. */
  readonly name: string;
  readonly node: string;
  /** The named namespace on this machine. */
  readonly netns: string;
  readonly ip: Ip;
  readonly ip6?: Ip;
  readonly mac: Mac;
  /** The port of cni0 that leads to it; in a cloud its node's end, whatever that hangs on. */
  readonly veth: string;
  /** In a cloud: how it hangs on its node, the table of its packets, and a network interface that is its own. */
  readonly attachment?: 'bridge' | 'policy' | 'policy-primary' | 'exclusive';
  readonly table?: string;
  readonly eni?: LabEni;
}

export interface LabNode {
  readonly name: string;
  readonly netns: string;
  readonly segment: Segment;
  readonly ip: Ip;
  readonly ip6?: Ip;
  readonly mac: Mac;
  /** In a cloud: its network interfaces, eth0 first. */
  readonly enis?: readonly LabEni[];
  /** Its pods' addresses are of this; where they are the VPC's, it is the VPC's subnet, the same for several nodes. */
  readonly subnet: Prefix;
  readonly subnet6?: Prefix;
  /** The hardware address of flannel.N; absent with host-gw. */
  readonly vtepMac?: Mac;
  readonly vtepMac6?: Mac;
  /** WireGuard's; the private key is on the node alone. */
  readonly publicKey?: string;
  readonly pods: readonly LabPod[];
  /** The process that holds the node's namespaces, once it runs; look at it only through `alive`. */
  readonly pid?: number;
}

export interface Segment {
  /** The bridge in the underlay's namespace. */
  readonly bridge: string;
  readonly prefix: Prefix;
  readonly gateway: Ip;
  readonly prefix6: Prefix;
  readonly gateway6: Ip;
}

export interface Lab {
  readonly spec: LabSpec;
  /** `building` is written before the first namespace is made, so that whatever a killed `up` left can be cleared away. */
  readonly phase: 'building' | 'up';
  /** Who builds it. */
  readonly builder?: {readonly pid: number; readonly started: string};
  readonly dir: string;
  /** The namespace with the switch, which is also the router and the world outside; of a cloud its first physical host. */
  readonly underlay: string;
  /** Where a cloud carries packets between nodes. */
  readonly cloud?: LabCloud;
  /** `net-conf.json` of every node; empty where flannel does not run. */
  readonly netConf: {readonly [key: string]: unknown};
  readonly inventory: string;
  readonly sshConfig?: string;
  readonly nodes: readonly LabNode[];
}

export {outside, podNetwork, podNetwork6};

export const defaultSpec: LabSpec = {
  name: 'demo',
  nodes: 3,
  pods: 2,
  backend: 'vxlan',
  directRouting: false,
  dualStack: false,
  underlay: 'l2',
  vni: 1,
  port: 8472,
  mtu: 1500,
  ssh: false,
  exclusive: 0,
  bridged: 0,
  hosts: 1,
  unchecked: [],
};

const segments: {readonly a: Segment; readonly b: Segment} = {
  a: {bridge: 'br0', prefix: '192.168.77.0/24', gateway: '192.168.77.254', prefix6: 'fd77::/64', gateway6: 'fd77::fe'},
  b: {bridge: 'br1', prefix: '192.168.78.0/24', gateway: '192.168.78.254', prefix6: 'fd78::/64', gateway6: 'fd78::fe'},
};

/** The segments a lab has. */
export const segmentsOf = (lab: Pick<Lab, 'spec'>): readonly Segment[] =>
  lab.spec.underlay === 'routed' ? [segments.a, segments.b] : [segments.a];

/** The mode whose `expect` says what each node holds, and its settings as read from the lab's net-conf.json. */
export function modeOfLab(lab: Pick<Lab, 'spec' | 'netConf'>): {readonly mode: Mode; readonly settings: Settings} {
  const {cloud} = backendOf(lab.spec.backend);
  // Nothing of a cloud's mode is made from what it expects.
  const mode = modeOf(cloud ? 'alloc' : lab.spec.backend)!;
  return {mode, settings: mode.settings(foldKeys(lab.netConf['Backend']))};
}

/**
 * Lays a lab out on paper; nothing is made.
 * @throws Failure when the spec cannot work (bad name, host-gw over a router, numbers that do not fit the address plan).
 */
export function layOut(spec: LabSpec, dir: string): Lab {
  checkSpec(spec);
  const {cloud} = backendOf(spec.backend);
  const lab: Lab = {
    spec,
    phase: 'building',
    dir,
    underlay: `fl-${spec.name}-u`,
    ...(cloud && {cloud: layOutCloud(spec, cloud, dir)}),
    netConf: cloud?.files ? {} : netConfOf(spec),
    inventory: `${dir}/inventory.yaml`,
    ...(spec.ssh && {sshConfig: `${dir}/ssh/ssh_config`}),
    nodes: Array.from({length: spec.nodes}, (_, index) => (cloud ? layOutCloudNode(spec, cloud, index + 1) : layOutNode(spec, index + 1))),
  };
  checkUnchecked(lab);
  return lab;
}

function netConfOf(spec: LabSpec): Lab['netConf'] {
  return {
    Network: podNetwork,
    ...(spec.dualStack && {EnableIPv6: true, IPv6Network: podNetwork6}),
    EnableNFTables: false,
    Backend: {Type: spec.backend, ...backendOf(spec.backend).netConf(spec)},
  };
}

function layOutNode(spec: LabSpec, number: number): LabNode {
  const name = `n${number}`;
  const segment = spec.underlay === 'routed' && number > 2 ? segments.b : segments.a;
  const subnet = `10.244.${number}.0/24`;
  const subnet6 = `fd44:0:0:${number.toString(16)}::/64`;
  const netns = `fl-${spec.name}-${name}`;
  const pods = Array.from({length: spec.pods}, (_, index): LabPod => {
    const pod = `${name}-p${index + 1}`;
    return {
      name: pod,
      node: name,
      netns: `${netns}-p${index + 1}`,
      ip: hostOf(subnet, index + 2),
      ...(spec.dualStack && {ip6: hostOf(subnet6, index + 2)}),
      mac: macOf(spec.name, pod, 'eth0'),
      veth: `veth${bytesOf(spec.name, pod).toString('hex').slice(0, 8)}`,
    };
  });
  return {
    name,
    netns,
    segment,
    ip: hostOf(segment.prefix, 10 + number),
    ...(spec.dualStack && {ip6: hostOf(segment.prefix6, 0x10 + number), subnet6}),
    mac: macOf(spec.name, name, 'eth0'),
    subnet,
    ...backendOf(spec.backend).identity?.(spec, name),
    pods,
  };
}

/** What a node publishes to the others. */
export function leaseOf(lab: Lab, node: LabNode): Lease {
  const {settings} = modeOfLab(lab);
  return {
    node: node.name,
    subnet: node.subnet,
    publicIP: node.ip,
    backendType: lab.spec.backend,
    ...(node.subnet6 !== undefined && {ipv6Subnet: node.subnet6}),
    ...(node.ip6 !== undefined && {publicIPv6: node.ip6}),
    ...(node.vtepMac !== undefined && {vtepMAC: node.vtepMac}),
    ...(node.vtepMac6 !== undefined && {vtepMACv6: node.vtepMac6}),
    ...(node.publicKey !== undefined && {
      publicKey: node.publicKey,
      ...(settings.listenPort !== undefined && {wgPort: settings.listenPort}),
      ...(node.subnet6 !== undefined && settings.listenPortV6 !== undefined && {wgPortV6: settings.listenPortV6}),
    }),
  };
}

/** Every named namespace of a lab, the underlay's first. */
export const namesOf = ({underlay, cloud, nodes}: Lab): readonly string[] => [
  ...(cloud ? cloud.hosts.map((host) => host.netns) : [underlay]),
  ...(cloud ? [cloud.vm.netns] : []),
  ...nodes.flatMap((node) => [node.netns, ...node.pods.map((pod) => pod.netns)]),
];

/** Is the address on the node's own link? */
export const adjacent = (node: LabNode, address: Ip): boolean =>
  contains(node.segment.prefix, address) || contains(node.segment.prefix6, address);
