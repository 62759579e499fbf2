import {ownTunnel} from './extension-rows.js';
import type {Fault} from './fault.js';

/** PostStartupCommand did not come to its end, or a network manager took the device down: its routes are gone. */
export const extensionDeviceDown: Fault = {
  id: 'extension-device-down',
  title: "the device of extension's commands is down on n2",
  fits: ownTunnel,
  expect: () => ({rule: 'extension-dev-missing', node: 'n2'}),
  inject: () => [{at: 'n2', run: 'ip link set ext0 down'}],
  fix: (lab) => [{at: 'n2', run: lab.anew('n2')}],
  byHand: true,
};
