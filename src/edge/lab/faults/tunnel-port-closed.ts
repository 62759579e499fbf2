import {encapsulation} from './encapsulation.js';
import type {Fault} from './fault.js';
import {tunnelled} from './tunnel.js';

/** A host firewall without a rule for the port, or the protocol, of the tunnel. */
export const tunnelPortClosed: Fault = {
  id: 'tunnel-port-closed',
  title: 'n1 drops the tunnel packets of the others',
  fits: (lab) => encapsulation(lab) !== undefined && tunnelled(lab, lab.nodes[0]!).length > 0,
  expect: () => ({rule: 'fw-encap-port-blocked', node: 'n1'}),
  inject: (lab) => [{at: 'n1', run: `iptables -A INPUT ${encapsulation(lab)} -j DROP`}],
  fix: (lab) => [{at: 'n1', run: `iptables -D INPUT ${encapsulation(lab)} -j DROP`}],
};
