import {Flags} from '@oclif/core';
import {BaseCommand, labNameFlag, outputFlag, withEnv} from '../../base-command.js';
import type {LabSpec} from '../../edge/lab/topology.js';

export default class LabUp extends BaseCommand {
  static override summary = 'make a cluster of network namespaces on this machine';
  static override description =
    "Nodes, pods, bridges and tunnels are the real kernel's; only flanneld is missing. Needs root. Nothing outside the lab's own namespaces is touched.";
  static override examples = [
    {description: 'Three vxlan nodes with two pods each', command: '<%= config.bin %> lab up'},
    {description: 'host-gw, both address families', command: '<%= config.bin %> lab up --name hg --backend host-gw --dual-stack'},
    {description: 'Nodes that are reached over SSH', command: '<%= config.bin %> lab up --ssh'},
  ];
  static override flags = withEnv({
    name: labNameFlag(),
    output: outputFlag(),
    nodes: Flags.integer({summary: 'number of nodes', default: 3, min: 1, max: 200}),
    'pods-per-node': Flags.integer({summary: 'pods on each node', default: 2, min: 0, max: 200}),
    backend: Flags.string({
      summary: "flannel backend, or a cloud's own way: then with a VPC, its exports and a VM",
      options: [
        ...['vxlan', 'host-gw', 'ipip', 'udp', 'wireguard', 'ipsec', 'extension', 'alloc'],
        ...['tencent-vpc', 'tke-global-router', 'tke-vpc-cni', 'aws-vpc-cni', 'terway'],
      ],
      default: 'vxlan',
    }),
    'direct-routing': Flags.boolean({summary: 'vxlan, ipip, extension: plain routes between nodes on one segment'}),
    'dual-stack': Flags.boolean({summary: 'IPv6 beside IPv4'}),
    underlay: Flags.string({
      summary: 'l2: one segment; routed: n1 and n2 on one, the others behind a router',
      options: ['l2', 'routed'],
      default: 'l2',
    }),
    vni: Flags.integer({summary: 'VXLAN network identifier', default: 1}),
    'vxlan-port': Flags.integer({summary: 'VXLAN UDP port', default: 8472}),
    mtu: Flags.integer({summary: "MTU of the nodes' network cards, bytes", default: 1500}),
    ssh: Flags.boolean({summary: 'an SSH server on each node, and an inventory that uses it'}),
    'exclusive-pods': Flags.integer({summary: 'tke-vpc-cni: pods of each node with a network interface of their own', default: 0, min: 0}),
    'bridge-pods': Flags.integer({summary: 'tke-vpc-cni: pods of each node on a bridge, as with the Global Router', default: 0, min: 0}),
    hosts: Flags.integer({summary: 'cloud: physical hosts; between two of them packets go in GRE', default: 1, min: 1, max: 2}),
    unchecked: Flags.string({summary: 'cloud: interfaces that may send with any address: all, eth1, n1-eth1', multiple: true, default: []}),
    replace: Flags.boolean({summary: 'take down a lab of that name first'}),
  });

  async run(): Promise<void> {
    const {flags} = await this.parse(LabUp);
    const {labUp} = await import('../../edge/lab/up.js');
    const spec: LabSpec = {
      name: flags.name,
      nodes: flags.nodes,
      pods: flags['pods-per-node'],
      backend: flags.backend,
      directRouting: flags['direct-routing'],
      dualStack: flags['dual-stack'],
      underlay: flags.underlay as LabSpec['underlay'],
      vni: flags.vni,
      port: flags['vxlan-port'],
      mtu: flags.mtu,
      ssh: flags.ssh,
      exclusive: flags['exclusive-pods'],
      bridged: flags['bridge-pods'],
      hosts: flags.hosts,
      unchecked: flags.unchecked,
    };
    const lab = await labUp(spec, {replace: flags.replace, signal: this.interrupted.signal, onStep: (step) => this.notice(step)});
    const {labReport} = await import('../../edge/lab/report.js');
    await this.emit('LabReport', labReport(lab), flags.output);
  }
}
