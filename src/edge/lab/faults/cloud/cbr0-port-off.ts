import type {Fault} from '../fault.js';
import {bridged} from './places.js';

/** A pod's veth is no port of the bridge any more. */
export const cbr0PortOff: Fault = {
  id: 'cbr0-port-off',
  title: 'the end of a pod of n1 is taken off cbr0',
  fits: (lab) => bridged(lab) !== undefined && lab.cloud?.bridge === 'cbr0',
  expect: () => ({rule: 'gr-port-detached', node: 'n1'}),
  inject: (lab) => [{at: 'n1', run: `ip link set ${bridged(lab)!.veth} nomaster`}],
  fix: (lab) => [{at: 'n1', run: `ip link set ${bridged(lab)!.veth} master cbr0`}],
};
