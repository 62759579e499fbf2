import {baseOf} from '../../../core/net/prefix.js';
import {device} from './encapsulation.js';
import type {Fault} from './fault.js';

/** The tunnel device loses its address: only what the node itself sends needs it. */
export const tunnelAddressRemoved: Fault = {
  id: 'tunnel-address-removed',
  title: 'the tunnel device of n2 loses its address',
  fits: (lab) => device(lab) !== undefined,
  expect: () => ({rule: 'vxlan-dev-address-wrong', node: 'n2'}),
  inject: (lab) => [{at: 'n2', run: `ip addr del ${baseOf(lab.nodes[1]!.subnet)}/32 dev ${device(lab)}`}],
  fix: (lab) => [{at: 'n2', run: lab.anew('n2')}],
};
