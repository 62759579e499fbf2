import {baseOf} from '../../../core/net/prefix.js';
import type {Fault} from './fault.js';
import {deadHost, routeTo} from './peer-row.js';

/** Made by hand with a far end: everything goes there, whatever the routes say. The kernel gives one to a new device only. */
export const ipipRemoteFixed: Fault = {
  id: 'ipip-remote-fixed',
  title: 'flannel.ipip of n2 has a fixed far end',
  fits: ({backend}) => backend === 'ipip',
  expect: () => ({rule: 'ipip-dev-local-wrong', node: 'n2'}),
  inject: (lab) => {
    const node = lab.nodes[1]!;
    const dev = 'flannel.ipip';
    const commands = [
      `ip link del ${dev}`,
      `ip link add ${dev} mtu ${lab.mtu - 20} type ipip local ${node.ip} remote ${deadHost(node)} ttl inherit nopmtudisc`,
      `ip addr add ${baseOf(node.subnet)}/32 dev ${dev}`,
      `ip link set ${dev} up`,
      ...lab.nodes.filter((peer) => peer !== node).map((peer) => routeTo(lab, node, peer)),
    ];
    return [{at: 'n2', run: commands.join(' && ')}];
  },
  fix: (lab) => [{at: 'n2', run: lab.anew('n2')}],
};
