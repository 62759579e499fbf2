import type {Fault} from '../fault.js';
import {bridged} from './places.js';

/** The node's firewall drops what it does not know, and bridged packets pass it too. */
export const cbr0ForwardDrop: Fault = {
  id: 'cbr0-forward-drop',
  title: 'n1 drops what it should forward',
  fits: (lab) => bridged(lab) !== undefined && lab.cloud?.bridge === 'cbr0',
  expect: () => ({rule: 'gr-brnf-forward-drop', node: 'n1'}),
  inject: () => [{at: 'n1', run: 'iptables -P FORWARD DROP'}],
  fix: () => [{at: 'n1', run: 'iptables -P FORWARD ACCEPT'}],
};
