import type {Fault} from '../fault.js';
import {gateway} from '../tunnel.js';
import {bridged} from './places.js';

const other = '172.20.99.1/26';

/** The node got another podCIDR and lost it again; the bridge kept its address. */
export const cbr0AddressChanged: Fault = {
  id: 'cbr0-address-changed',
  title: 'cbr0 of n1 has the address of another podCIDR',
  fits: (lab) => bridged(lab) !== undefined && lab.cloud?.bridge === 'cbr0',
  expect: () => ({rule: 'gr-bridge-wrong-cidr', node: 'n1'}),
  inject: ({nodes}) => [{at: 'n1', run: `ip addr add ${other} brd + dev cbr0 && ip addr del ${gateway(nodes[0]!.subnet)} dev cbr0`}],
  fix: ({nodes}) => [{at: 'n1', run: `ip addr replace ${gateway(nodes[0]!.subnet)} brd + dev cbr0 && ip addr del ${other} dev cbr0`}],
};
