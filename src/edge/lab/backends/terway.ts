import type {Backend} from './backend.js';

const conflist = {
  cniVersion: '0.4.0',
  name: 'terway-chainer',
  plugins: [{type: 'terway', eniip_virtual_type: 'Veth', host_stack_cidrs: ['169.254.20.10/32']}],
};

/** Alibaba's plugin with veths: eth1 has the node's own address, its table is a thousand and its number (model/cloud-modes.md §2.1). */
export const terway: Backend = {
  type: 'terway',
  netConf: () => ({}),
  cloud: {
    provider: 'alibaba',
    policy: {
      veth: 'cali',
      from: 2048,
      table: '1014',
      onPrimary: 0,
      lines: ({ip, segment: {gateway}}) => [
        `addr add ${ip}/32 dev eth1`,
        'link set dev eth1 up',
        `route add default via ${gateway} dev eth1 onlink table 1014`,
      ],
      podRoutes: () => ['route add default via 169.254.1.1 dev eth0 onlink'],
    },
    files: () => ({'/etc/cni/net.d/10-terway.conflist': `${JSON.stringify(conflist, null, 2)}\n`}),
  },
};
