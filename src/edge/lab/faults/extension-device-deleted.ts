import {ownTunnel} from './extension-rows.js';
import type {Fault} from './fault.js';

/** Somebody deletes the device that PreStartupCommand made; its rows go with it. */
export const extensionDeviceDeleted: Fault = {
  id: 'extension-device-deleted',
  title: "the device of extension's commands is gone on n2",
  fits: ownTunnel,
  expect: () => ({rule: 'extension-dev-missing', node: 'n2'}),
  inject: () => [{at: 'n2', run: 'ip link del ext0'}],
  fix: (lab) => [{at: 'n2', run: lab.anew('n2')}],
  byHand: true,
};
