import type {Fault} from './fault.js';
import {tunnelled} from './tunnel.js';

/** A host firewall without a rule for the port of the tunnel. */
export const tunnelPortClosed: Fault = {
  id: 'tunnel-port-closed',
  title: 'n1 drops the tunnel packets of the others',
  fits: (lab) => lab.backend === 'vxlan' && tunnelled(lab, lab.nodes[0]!).length > 0,
  expect: () => ({rule: 'fw-encap-port-blocked', node: 'n1'}),
  inject: ({port}) => [{at: 'n1', run: `iptables -A INPUT -p udp --dport ${port} -j DROP`}],
  fix: ({port}) => [{at: 'n1', run: `iptables -D INPUT -p udp --dport ${port} -j DROP`}],
};
