import type {Batch, NodeStep} from '../../src/edge/change/agent.js';
import type {Lab, LabNode} from '../../src/edge/lab/topology.js';

const sysctl = '/proc/sys/net/ipv4/conf/all/rp_filter';
const ip = (...lines: string[]): Batch => ({tool: 'ip', lines});
const bridge = (...lines: string[]): Batch => ({tool: 'bridge', lines});
const sh = (...lines: string[]): Batch => ({tool: 'sh', lines});

/** vxlan to host-gw on an IPv4 lab, written by hand, stage by stage: what the machinery has to run, whoever plans it. One flip stage a node. */
export function handMade(lab: Lab, node: LabNode): readonly NodeStep[] {
  const peers = lab.nodes.filter((n) => n !== node);
  const sub = (n: LabNode): string => n.subnet.replace('/24', '');
  const direct = peers.map((p) => `route replace ${p.subnet} via ${p.ip} dev eth0`);
  const tunnel = peers.map((p) => `route replace ${p.subnet} via ${sub(p)} dev flannel.1 onlink`);
  const first = lab.nodes.length;
  const flip = 2 + lab.nodes.indexOf(node);
  return [
    {stage: 0, phase: 'loosen', title: 'rp_filter loose', run: [sh(`echo 2 >${sysctl}`)], undo: [sh(`echo 0 >${sysctl}`)]},
    {
      stage: 1,
      phase: 'build',
      title: 'the way for host-gw',
      run: [ip('link add probe0 type bridge', 'address add 198.51.100.1/32 dev probe0', 'link set probe0 up')],
      undo: [ip('link del probe0')],
    },
    {stage: flip, phase: 'flip', title: `flip ${node.name}`, run: [ip(...direct)], undo: [ip(...tunnel)]},
    {
      stage: 2 + first,
      phase: 'cleanup',
      title: 'flannel.1 goes',
      run: [ip('link del flannel.1')],
      undo: [
        ip(
          `link add flannel.1 address ${node.vtepMac} mtu 1450 type vxlan id 1 local ${node.ip} dev eth0 dstport 8472 nolearning`,
          `address add ${sub(node)}/32 dev flannel.1`,
          'link set flannel.1 up',
          ...peers.map((p) => `neigh replace ${sub(p)} lladdr ${p.vtepMac} dev flannel.1 nud permanent`),
        ),
        bridge(...peers.map((p) => `fdb replace ${p.vtepMac} dev flannel.1 dst ${p.ip} self permanent`)),
      ],
    },
    {stage: 3 + first, phase: 'restore', title: 'rp_filter back', run: [sh(`echo 0 >${sysctl}`)], undo: [sh(`echo 2 >${sysctl}`)]},
  ];
}
