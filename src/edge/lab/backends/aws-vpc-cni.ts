import type {Lab, LabNode} from '../topology.js';
import type {Backend} from './backend.js';

const conflist = {
  cniVersion: '0.4.0',
  name: 'aws-cni',
  plugins: [
    {name: 'aws-cni', type: 'aws-cni', vethPrefix: 'eni', mtu: '9001', podSGEnforcingMode: 'strict', pluginLogLevel: 'DEBUG'},
    {type: 'portmap', capabilities: {portMappings: true}, snat: true},
  ],
};

/** What leaves the VPC gets a mark, by which it goes out of eth0, and the node's address; answers for NodePorts go back where they came in. */
function chains(lab: Lab, {ip}: LabNode): string {
  const vpc = lab.cloud!.vpc.prefix;
  const because = '-m comment --comment';
  return [
    '*nat',
    ':AWS-CONNMARK-CHAIN-0 - [0:0]',
    ':AWS-SNAT-CHAIN-0 - [0:0]',
    `-A PREROUTING -i eni+ ${because} "AWS, outbound connections" -j AWS-CONNMARK-CHAIN-0`,
    `-A PREROUTING ${because} "AWS, CONNMARK" -j CONNMARK --restore-mark --nfmask 0x80 --ctmask 0x80`,
    `-A AWS-CONNMARK-CHAIN-0 -d ${vpc} ${because} "AWS CONNMARK CHAIN, VPC CIDR" -j RETURN`,
    `-A AWS-CONNMARK-CHAIN-0 ${because} "AWS, CONNMARK" -j CONNMARK --set-xmark 0x80/0x80`,
    `-A POSTROUTING ${because} "AWS SNAT CHAIN" -j AWS-SNAT-CHAIN-0`,
    `-A AWS-SNAT-CHAIN-0 -d ${vpc} ${because} "AWS SNAT CHAIN" -j RETURN`,
    `-A AWS-SNAT-CHAIN-0 ! -o vlan+ ${because} "AWS, SNAT" -m addrtype ! --dst-type LOCAL -j SNAT --to-source ${ip}`,
    'COMMIT',
    '*mangle',
    `-A PREROUTING -i eth0 ${because} "AWS, primary ENI" -m addrtype --dst-type LOCAL --limit-iface-in -j CONNMARK --set-xmark 0x80/0x80`,
    `-A PREROUTING -i eni+ ${because} "AWS, primary ENI" -j CONNMARK --restore-mark --nfmask 0x80 --ctmask 0x80`,
    'COMMIT',
    '',
  ].join('\n');
}

/** Amazon's plugin: the first pod of each node on eth0, the others on eth1 by table 2 (model/cloud-modes.md §2.1). */
export const awsVpcCni: Backend = {
  type: 'aws-vpc-cni',
  netConf: () => ({}),
  cloud: {
    provider: 'aws',
    policy: {
      veth: 'eni',
      from: 1536,
      table: '2',
      onPrimary: 1,
      lines: ({segment: {prefix, gateway}}, {ip}) => [
        `addr add ${ip}/24 brd + dev eth1`,
        'link set dev eth1 up',
        `route add ${gateway} dev eth1 scope link table 2`,
        `route add default via ${gateway} dev eth1 table 2`,
        `route del ${prefix} dev eth1`,
        'rule add fwmark 0x80/0x80 lookup main pref 1024',
        `rule add from ${ip} lookup 2 pref 32765`,
      ],
      podRoutes: () => ['route add 169.254.1.1 dev eth0 scope link', 'route add default via 169.254.1.1 dev eth0'],
    },
    netfilter: chains,
    files: () => ({'/etc/cni/net.d/10-aws.conflist': `${JSON.stringify(conflist, null, 2)}\n`}),
  },
};
