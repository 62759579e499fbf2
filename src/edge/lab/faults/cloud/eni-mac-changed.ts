import type {Fault} from '../fault.js';
import {hasRuled, ruledOn} from './places.js';

/** The pods' interface has another hardware address than the cloud gave it. */
export const eniMacChanged: Fault = {
  id: 'eni-mac-changed',
  title: 'eth1 of n1 gets another hardware address',
  fits: hasRuled,
  expect: () => ({rule: 'vpc-eni-mac-mismatch', node: 'n1'}),
  inject: () => [{at: 'n1', run: 'ip link set eth1 address 02:00:00:00:00:99'}],
  fix: (lab) => {
    const {mac} = ruledOn(lab);
    return [{at: 'n1', run: `ip link set eth1 address ${mac}`}];
  },
  byHand: true,
};
