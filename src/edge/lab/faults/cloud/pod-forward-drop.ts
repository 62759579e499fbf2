import type {Fault} from '../fault.js';
import {bridged, hasRuled} from './places.js';

/** Docker was put on the node: its firewall drops what it does not know, and the agent of the pods writes no accepts. */
export const podForwardDrop: Fault = {
  id: 'pod-forward-drop',
  title: 'n1 drops what it should forward for its pods',
  fits: (lab) => hasRuled(lab) && bridged(lab) === undefined,
  expect: () => ({rule: 'vpc-forward-drop', node: 'n1'}),
  inject: () => [{at: 'n1', run: 'iptables -P FORWARD DROP'}],
  fix: () => [{at: 'n1', run: 'iptables -P FORWARD ACCEPT'}],
};
