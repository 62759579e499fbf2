import type {Fault} from './fault.js';

/** The prefix of one peer was given to another, which takes it away from the first. */
export const wgAllowedIpsTaken: Fault = {
  id: 'wg-allowed-ips-taken',
  title: 'n1 allows the peer n2 another subnet',
  fits: ({backend}) => backend === 'wireguard',
  expect: () => ({rule: 'wg-allowed-ips-wrong', node: 'n1'}),
  inject: ({nodes}) => [{at: 'n1', run: `wg set flannel-wg peer ${nodes[1]!.publicKey} allowed-ips 10.244.77.0/24`}],
  fix: (lab) => [{at: 'n1', run: lab.anew('n1')}],
};
