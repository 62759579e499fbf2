import {familyOf, type Ip, type Prefix} from '../../core/net/address.js';
import {anyPrefix, hostOf, lengthOf} from '../../core/net/prefix.js';
import {backendOf} from './backends/index.js';
import {exclusivePodLines, machineLines, policyPodLines} from './cloud/node-lines.js';
import {type Lab, type LabNode, type LabPod, modeOfLab, outside, podNetwork, podNetwork6, segmentsOf} from './topology.js';

/** A pod family's way out: the address of cni0 and the network that flannel's CNI plugin routes through it. */
interface Gateway {
  readonly address: Ip;
  readonly length: number;
  readonly network: Prefix;
  readonly pod: (pod: LabPod) => Ip | undefined;
}

function gatewaysOf(lab: Lab, node: LabNode): readonly Gateway[] {
  const network = lab.cloud?.podNetwork ?? podNetwork;
  const v4: Gateway = {address: hostOf(node.subnet, 1), length: lengthOf(node.subnet), network, pod: (pod) => pod.ip};
  if (node.subnet6 === undefined) return [v4];
  return [v4, {address: hostOf(node.subnet6, 1), length: lengthOf(node.subnet6), network: podNetwork6, pod: (pod) => pod.ip6}];
}

/** IPv4 gets a broadcast address as the CNI plugins set it; IPv6 must not wait for duplicate address detection. */
const addLine = (address: Ip, length: number, dev: string): string =>
  `addr add ${address}/${length} ${address.includes(':') ? `dev ${dev} nodad` : `brd + dev ${dev}`}`;

/** Routes for what the world outside sends, in the namespace that it shares with the router. */
const worldTable = 100;

/**
 * A shell line for that namespace. What the world learns of path MTUs is kept with the route it sends by; IPv6 goes by it in forwarding too, and
 * a router between nodes must not know it.
 */
export const underlayRule = ({spec}: Lab): string => (spec.dualStack ? `ip -6 rule add from ${outside.ip6} lookup ${worldTable}\n` : '');

const routeLine = (dst: string, via: Ip): string => `route add ${dst} via ${via} dev eth0`;

/** `ip -batch` for the underlay's namespace: a switch for each segment, the router's addresses, and the world on lo. */
export function underlayLines(lab: Lab): readonly string[] {
  const six = lab.spec.dualStack;
  return [
    'link set dev lo up',
    `addr add ${outside.ip}/32 dev lo`,
    ...(six ? [`addr add ${outside.ip6}/128 dev lo nodad`] : []),
    ...segmentsOf(lab).flatMap((s) => [
      // It forwards from the first moment: no spanning tree, no snooping that could hold back neighbour discovery.
      `link add ${s.bridge} mtu ${lab.spec.mtu} type bridge stp_state 0 forward_delay 0 mcast_snooping 0`,
      addLine(s.gateway, lengthOf(s.prefix), s.bridge),
      ...(six ? [addLine(s.gateway6, lengthOf(s.prefix6), s.bridge)] : []),
      `link set dev ${s.bridge} up`,
      ...(six ? [`route add ${s.prefix6} dev ${s.bridge} table ${worldTable}`] : []),
    ]),
  ];
}

/** `ip -batch` for the underlay's namespace, once the nodes' cables are there. */
export const underlayPortLines = (lab: Lab): readonly string[] =>
  lab.nodes.flatMap((node) => [`link set dev ${node.name} master ${node.segment.bridge}`, `link set dev ${node.name} up`]);

/** `ip -batch` for a node's namespace: its cable to the switch and its way out. */
export function nodeLines(lab: Lab, node: LabNode): readonly string[] {
  const {segment} = node;
  if (node.enis) return machineLines(lab, node.enis[0]!, segment.gateway);
  const mtu = `mtu ${lab.spec.mtu}`;
  return [
    'link set dev lo up',
    `link add eth0 address ${node.mac} ${mtu} type veth peer name ${node.name} ${mtu} netns ${lab.underlay}`,
    addLine(node.ip, lengthOf(segment.prefix), 'eth0'),
    ...(node.ip6 === undefined ? [] : [addLine(node.ip6, lengthOf(segment.prefix6), 'eth0')]),
    'link set dev eth0 up',
    routeLine(anyPrefix(4), segment.gateway),
    ...(node.ip6 === undefined ? [] : [routeLine(anyPrefix(6), segment.gateway6)]),
  ];
}

/** `ip -batch` for a node's namespace: what the bridge plugin leaves (model/flannel-backends.md §5.5). Without pods there is no cni0. */
export function cniLines(lab: Lab, node: LabNode): readonly string[] {
  const pods = node.pods.filter((pod) => (pod.attachment ?? 'bridge') === 'bridge');
  if (pods.length === 0) return [];
  const {bridge} = backendOf(lab.spec.backend).cloud ?? {};
  const name = bridge?.name ?? 'cni0';
  const mtu = `mtu ${podMtu(lab)}`;
  return [
    `link add ${name} ${mtu} type bridge`,
    ...gatewaysOf(lab, node).map((g) => addLine(g.address, g.length, name)),
    `link set dev ${name} up${bridge?.promiscuous ? ' promisc on' : ''}`,
    ...pods.flatMap((pod) => [
      `link add ${pod.veth} ${mtu} type veth peer name eth0 address ${pod.mac} ${mtu} netns ${pod.netns}`,
      `link set dev ${pod.veth} master ${name}`,
      ...(bridge?.promiscuous ? [] : [`link set dev ${pod.veth} type bridge_slave hairpin on`]),
      `link set dev ${pod.veth} up`,
    ]),
  ];
}

/** `ip -batch` for a pod's namespace. */
export function podLines(lab: Lab, node: LabNode, pod: LabPod): readonly string[] {
  const {bridge, policy} = backendOf(lab.spec.backend).cloud ?? {};
  if (pod.attachment === 'exclusive') return exclusivePodLines(lab, node, pod);
  if (policy && pod.attachment !== 'bridge') return policyPodLines(lab, pod, policy);
  const gateways = gatewaysOf(lab, node);
  return [
    'link set dev lo up',
    ...gateways.map((g) => addLine(g.pod(pod)!, g.length, 'eth0')),
    'link set dev eth0 up',
    ...gateways.flatMap((g) => [
      routeLine(anyPrefix(familyOf(g.address)), g.address),
      ...(bridge?.networkRoute === false ? [] : [routeLine(g.network, g.address)]),
    ]),
  ];
}

/** MTU of the pods, bytes. */
export const podMtu = (lab: Lab): number => backendOf(lab.spec.backend).podMtu?.(lab.spec) ?? flannelMtu(lab);

/** `FLANNEL_MTU`, bytes. */
export function flannelMtu(lab: Lab): number {
  const {mode, settings} = modeOfLab(lab);
  return mode.podMtu(settings, lab.spec.mtu);
}
