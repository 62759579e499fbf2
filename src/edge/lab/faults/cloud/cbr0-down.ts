import type {Fault} from '../fault.js';
import {bridged} from './places.js';

/** The bridge of a node is set down, and its route goes with it. */
export const cbr0Down: Fault = {
  id: 'cbr0-down',
  title: 'cbr0 of n1 is set down',
  fits: (lab) => bridged(lab) !== undefined && lab.cloud?.bridge === 'cbr0',
  expect: () => ({rule: 'gr-bridge-missing', node: 'n1'}),
  inject: () => [{at: 'n1', run: 'ip link set cbr0 down'}],
  fix: () => [{at: 'n1', run: 'ip link set cbr0 up'}],
};
