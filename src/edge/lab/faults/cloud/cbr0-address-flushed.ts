import type {Fault} from '../fault.js';
import {gateway} from '../tunnel.js';
import {bridged} from './places.js';

/** The bridge of a node loses its address, and its route with it. */
export const cbr0AddressFlushed: Fault = {
  id: 'cbr0-address-flushed',
  title: 'cbr0 of n1 loses its address',
  fits: (lab) => bridged(lab) !== undefined && lab.cloud?.bridge === 'cbr0',
  expect: () => ({rule: 'gr-bridge-missing', node: 'n1'}),
  inject: () => [{at: 'n1', run: 'ip addr flush dev cbr0 scope global'}],
  fix: ({nodes}) => [{at: 'n1', run: `ip addr add ${gateway(nodes[0]!.subnet)} brd + dev cbr0`}],
};
