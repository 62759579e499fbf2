import type {Ip} from '../../../core/net/address.js';
import {hostOf} from '../../../core/net/prefix.js';
import {bytesOf, macOf} from '../identity.js';
import type {LabNode, LabPod, LabSpec, Segment} from '../topology.js';
import type {BridgePods, CloudBackend, CloudProvider, LabCloud, LabEni, LabVpcSubnet} from './cloud.js';
import {hostsOf} from './hosts.js';
import {idOf, vethOf} from './ids.js';

/** The VPC, and the two subnets that its machines are in, with `--underlay routed` in both. */
const vpc = '10.0.0.0/16';
const subnets = {a: {prefix: '10.0.0.0/24', gateway: '10.0.0.1'}, b: {prefix: '10.0.1.0/24', gateway: '10.0.1.1'}} as const;

/** In each subnet: nodes' eth0 from .11, their eth1 from .31, the VM at .60, pods with addresses of the subnet from .100. */
const hosts = {eth0: 10, eth1: 30, vm: 60, pods: 100} as const;
const mostNodes = 20;
const mostPods = 150;

/** The words that are the same in whichever of the two subnets. */
const subnetOf = (spec: LabSpec, provider: CloudProvider, key: 'a' | 'b'): LabVpcSubnet => ({
  id: idOf(provider, 'subnet', spec.name, key),
  ...subnets[key],
  routeTable: idOf(provider, 'table', spec.name, key),
  table: key === 'a' ? 101 : 102,
});

const keyOf = (spec: LabSpec, number: number): 'a' | 'b' => (spec.underlay === 'routed' && number > 2 ? 'b' : 'a');

/** The namespace of a machine's physical host: every other node is on the second, where there is one. */
const hostOfMachine = (spec: LabSpec, number: number): string => hostsOf(spec.name, spec.hosts)[(number - 1) % spec.hosts]!.netns;

/** The bridge that pods of this lab hang on: all of them, or those that the spec asks for beside others. */
const bridgeOf = (spec: LabSpec, {bridge, policy}: CloudBackend): BridgePods | undefined =>
  policy === undefined || spec.bridged > 0 ? bridge : undefined;

export function layOutCloud(spec: LabSpec, backend: CloudBackend, dir: string): LabCloud {
  const {provider} = backend;
  const podNetwork = bridgeOf(spec, backend)?.network;
  const a = subnetOf(spec, provider, 'a');
  const ip = hostOf(a.prefix, hosts.vm);
  return {
    provider,
    vpc: {id: idOf(provider, 'vpc', spec.name), prefix: vpc},
    subnets: spec.underlay === 'routed' ? [a, subnetOf(spec, provider, 'b')] : [a],
    hosts: hostsOf(spec.name, spec.hosts),
    ...(podNetwork !== undefined && {podNetwork}),
    vm: {name: 'vm', netns: `fl-${spec.name}-vm`, ip, eni: eniOf(spec, provider, 'vm', 0, ip, a, hostOfMachine(spec, 1))},
    routesFile: `${dir}/cloud-routes.json`,
    enisFile: `${dir}/cloud-enis.json`,
    groupsFile: `${dir}/cloud-groups.json`,
  };
}

function eniOf(
  spec: LabSpec,
  provider: CloudProvider,
  machine: string,
  index: number,
  ip: Ip,
  subnet: LabVpcSubnet,
  fabric: string,
): LabEni {
  const dev = `eth${index}`;
  const port = index === 0 ? machine : `${machine}-${dev}`;
  return {
    id: idOf(provider, 'eni', spec.name, machine, dev),
    instance: idOf(provider, 'instance', spec.name, machine),
    dev,
    port,
    fabric,
    mac: macOf(spec.name, machine, dev),
    ip,
    index,
    subnet: subnet.id,
    ...(['all', dev, port].some((word) => spec.unchecked.includes(word)) && {unchecked: true}),
  };
}

/** A node and its pods: the first on their second interface or on the bridge, then those of `bridged`, last those of `exclusive`. */
export function layOutCloudNode(spec: LabSpec, backend: CloudBackend, number: number): LabNode {
  const {provider, policy} = backend;
  const name = `n${number}`;
  const subnet = subnetOf(spec, provider, keyOf(spec, number));
  const {prefix, gateway} = subnet;
  const ip = hostOf(prefix, hosts.eth0 + number);
  const host = hostOfMachine(spec, number);
  const eth0 = eniOf(spec, provider, name, 0, ip, subnet, host);
  const enis = policy === undefined ? [eth0] : [eth0, eniOf(spec, provider, name, 1, hostOf(prefix, hosts.eth1 + number), subnet, host)];
  const bridge = bridgeOf(spec, backend);
  const own = bridge && partOf(bridge, number);
  const netns = `fl-${spec.name}-${name}`;
  const segment: Segment = {bridge: '', prefix, gateway, prefix6: '', gateway6: ''};
  const pods = Array.from({length: spec.pods}, (_, i): LabPod => {
    const pod = `${name}-p${i + 1}`;
    const kind = attachmentOf(spec, backend, i);
    const fromSubnet = hostOf(prefix, hosts.pods + (number - 1) * spec.pods + i);
    return {
      name: pod,
      node: name,
      netns: `${netns}-p${i + 1}`,
      ip: kind === 'bridge' ? hostOf(own!, i + 2) : fromSubnet,
      mac: macOf(spec.name, pod, 'eth0'),
      veth:
        policy && kind !== 'bridge' ? vethOf(policy.veth, 'default', pod) : `veth${bytesOf(spec.name, pod).toString('hex').slice(0, 8)}`,
      attachment: kind,
      ...(kind === 'policy' && {table: policy!.table}),
      ...(kind === 'exclusive' && {
        eni: {...eniOf(spec, provider, pod, 0, fromSubnet, subnet, host), instance: eth0.instance, index: i + 2},
      }),
    };
  });
  return {name, netns, segment, ip, mac: eth0.mac, subnet: own ?? prefix, enis, pods};
}

/** The pod subnet of the node with this number, counted from one. */
const partOf = ({network, length, firstPart}: BridgePods, number: number): string =>
  `${hostOf(network, (number - 1 + firstPart) * 2 ** (32 - length))}/${length}`;

function attachmentOf(spec: LabSpec, {policy}: CloudBackend, index: number): NonNullable<LabPod['attachment']> {
  if (policy === undefined) return 'bridge';
  if (index >= spec.pods - spec.exclusive) return 'exclusive';
  if (index >= spec.pods - spec.exclusive - spec.bridged) return 'bridge';
  return index < policy.onPrimary ? 'policy-primary' : 'policy';
}

/** Why such a lab cannot be, whatever its backend. */
export function refusesInCloud(spec: LabSpec, backend: CloudBackend): {readonly message: string; readonly hint: string} | undefined {
  if (spec.dualStack) return {message: `the lab's cloud has no IPv6`, hint: 'leave --dual-stack out'};
  if (spec.nodes > mostNodes) return {message: `the lab's VPC has room for ${mostNodes} nodes`, hint: `use --nodes ${mostNodes} or fewer`};
  if (backend.bridge && spec.pods > 2 ** (32 - backend.bridge.length) - 3)
    return {message: `a pod subnet of length ${backend.bridge.length} has no room for ${spec.pods} pods`, hint: 'use fewer pods'};
  if (backend.policy && spec.nodes * spec.pods > mostPods)
    return {message: `the VPC's subnet has room for ${mostPods} pods, not ${spec.nodes * spec.pods}`, hint: 'use fewer nodes or pods'};
  if (spec.exclusive + spec.bridged > spec.pods)
    return {
      message: `of ${spec.pods} pods a node, ${spec.exclusive} cannot have an interface of their own and ${spec.bridged} hang on a bridge`,
      hint: 'use --pods-per-node for more',
    };
  return undefined;
}
