import type {Fault} from '../fault.js';
import {gateway} from '../tunnel.js';
import {bridged} from './places.js';

const wide = (subnet: string): string => gateway(subnet).replace(/\d+$/, '24');

/** Somebody set the bridge up by hand, with the length that networks mostly have: other nodes' parts are in it. */
export const cbr0MaskChanged: Fault = {
  id: 'cbr0-mask-changed',
  title: 'cbr0 of n1 has its address in a network of 256',
  fits: (lab) => bridged(lab) !== undefined && lab.cloud?.bridge === 'cbr0',
  expect: () => ({rule: 'gr-bridge-wrong-cidr', node: 'n1'}),
  inject: ({nodes: [n1]}) => [
    {at: 'n1', run: `ip addr add ${wide(n1!.subnet)} brd + dev cbr0 && ip addr del ${gateway(n1!.subnet)} dev cbr0`},
  ],
  fix: ({nodes: [n1]}) => [
    {at: 'n1', run: `ip addr replace ${gateway(n1!.subnet)} brd + dev cbr0 && ip addr del ${wide(n1!.subnet)} dev cbr0`},
  ],
};
