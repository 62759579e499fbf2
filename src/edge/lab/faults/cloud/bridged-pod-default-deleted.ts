import {hostOf} from '../../../../core/net/prefix.js';
import type {Fault} from '../fault.js';
import {bridged} from './places.js';

/** A pod on the bridge knows its own subnet alone. */
export const bridgedPodDefaultDeleted: Fault = {
  id: 'bridged-pod-default-deleted',
  title: 'a pod of n1 on cbr0 loses its default route',
  fits: (lab) => bridged(lab) !== undefined && lab.cloud?.bridge === 'cbr0',
  expect: () => ({rule: 'pod-gateway-neighbour-bad', node: 'n1'}),
  inject: (lab) => [{at: 'n1', run: `ip -n ${bridged(lab)!.name} route del default`}],
  fix: (lab) => [{at: 'n1', run: `ip -n ${bridged(lab)!.name} route replace default via ${hostOf(lab.nodes[0]!.subnet, 1)} dev eth0`}],
  byHand: true,
};
