import {macOf} from '../identity.js';
import type {Lab, LabNode, LabPod} from '../topology.js';
import type {LabEni, PolicyPods} from './cloud.js';
import {fabricMac} from './fabric.js';

/** eth1 has the same number on every node, for a table that is named by it; a kernel's own tunnel devices have those before. */
const eth1Index = 14;

const cable = (lab: Pick<Lab, 'spec'>, eni: LabEni, more = ''): string => {
  const mtu = `mtu ${lab.spec.mtu}`;
  return `link add ${eni.dev}${more} address ${eni.mac} ${mtu} type veth peer name ${eni.port} address ${fabricMac} ${mtu} netns ${eni.fabric}`;
};

/** `ip -batch` for a machine of the cloud: its cable into the fabric, its address, the way out. */
export const machineLines = (lab: Lab, eni: LabEni, gateway: string): readonly string[] => [
  'link set dev lo up',
  cable(lab, eni),
  `addr add ${eni.ip}/24 brd + dev ${eni.dev}`,
  `link set dev ${eni.dev} up`,
  `route add default via ${gateway} dev ${eni.dev}`,
];

/** `ip -batch` for a node with pods on its second interface: that interface, and each pod's veth, route and rules (§2.2). */
export function policyLines(lab: Lab, node: LabNode, policy: PolicyPods): readonly string[] {
  const [, eth1] = node.enis!;
  return [
    cable(lab, eth1!, ` index ${eth1Index}`),
    ...policy.lines(node, eth1!),
    ...node.pods
      .filter(({attachment}) => attachment === 'policy' || attachment === 'policy-primary')
      .flatMap((pod) => [
        `link add ${pod.veth} address ${hostMac(lab, pod)} mtu ${lab.spec.mtu} type veth peer name eth0 address ${pod.mac} mtu ${lab.spec.mtu} netns ${pod.netns}`,
        `link set dev ${pod.veth} up`,
        `route add ${pod.ip} dev ${pod.veth} scope link`,
        `rule add to ${pod.ip} lookup main pref 512`,
        ...(pod.table === undefined ? [] : [`rule add from ${pod.ip} lookup ${pod.table} pref ${policy.from}`]),
      ]),
    // A pod on the bridge of the same node would be looked for in the fabric.
    ...(node.pods.some(({attachment}) => attachment === 'bridge') ? [`rule add to ${node.subnet} lookup main pref 1024`] : []),
  ];
}

/** Of the node's end of a pod's veth: the pod has it written down for its gateway. */
export const hostMac = (lab: Pick<Lab, 'spec'>, pod: LabPod): string => macOf(lab.spec.name, pod.name, 'veth');

/** `ip -batch` for a pod that hangs by rules: an address without a network, and a gateway that nobody has. */
export const policyPodLines = (lab: Lab, pod: LabPod, policy: PolicyPods): readonly string[] => [
  'link set dev lo up',
  `addr add ${pod.ip}/32 dev eth0`,
  'link set dev eth0 up',
  ...policy.podRoutes(pod),
  `neigh replace 169.254.1.1 lladdr ${hostMac(lab, pod)} dev eth0 nud permanent`,
];

/** `ip -batch` for a pod with a network interface of its own: it is a machine of the subnet. */
export const exclusivePodLines = (lab: Lab, node: LabNode, pod: LabPod): readonly string[] =>
  machineLines(lab, {...pod.eni!, dev: 'eth0'}, node.segment.gateway);
