import {device} from './encapsulation.js';
import type {Fault} from './fault.js';

/** A network manager takes the tunnel down; its routes go with it. */
export const tunnelDeviceDown: Fault = {
  id: 'tunnel-device-down',
  title: 'the tunnel device of n2 is down',
  fits: (lab) => device(lab) !== undefined,
  expect: () => ({rule: 'tunnel-dev-down', node: 'n2'}),
  inject: (lab) => [{at: 'n2', run: `ip link set ${device(lab)} down`}],
  fix: (lab) => [{at: 'n2', run: lab.anew('n2')}],
};
