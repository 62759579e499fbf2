import {shownEndpoint} from '../../../core/kernel/wg.js';
import type {Fault, LabFacts} from './fault.js';

/** The WireGuard devices of a lab's node, each with its port and what makes n2 a peer there. */
function devices({dualStack, nodes}: LabFacts) {
  const {ip, ip6, subnet, subnet6} = nodes[1]!;
  const four = {dev: 'flannel-wg', endpoint: shownEndpoint({address: ip, port: 51820}), allowed: subnet};
  return dualStack ? [four, {dev: 'flannel-wg-v6', endpoint: shownEndpoint({address: ip6!, port: 51821}), allowed: subnet6!}] : [four];
}

/** flannel was restarted on one node while net-conf.json had a PSK. The peer is made anew: a session that stands would go on for three minutes. */
export const wgPresharedKeyAlone: Fault = {
  id: 'wg-preshared-key-alone',
  title: 'n1 alone has a preshared key for n2',
  fits: ({backend}) => backend === 'wireguard',
  expect: () => ({rule: 'wg-psk-mismatch', node: 'n1'}),
  inject: (lab) => {
    const peer = `peer ${lab.nodes[1]!.publicKey}`;
    const made = devices(lab).map(
      ({dev, endpoint, allowed}) =>
        `wg set ${dev} ${peer} remove && wg set ${dev} ${peer} preshared-key /run/lab/psk endpoint ${endpoint} allowed-ips ${allowed}`,
    );
    return [{at: 'n1', run: ['umask 077', 'wg genpsk > /run/lab/psk', ...made].join(' && ')}];
  },
  fix: (lab) => [{at: 'n1', run: lab.anew('n1')}],
  byHand: true,
};
