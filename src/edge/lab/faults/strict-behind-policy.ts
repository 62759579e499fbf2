import type {Fault} from './fault.js';

/** A policy rule takes the answers of one node out of the tunnel, and a strict rp_filter drops what comes in by it. */
export const strictBehindPolicy: Fault = {
  id: 'strict-behind-policy',
  title: 'n1 answers n2 outside the tunnel by a policy rule, with rp_filter strict',
  fits: ({backend, directRouting}) => backend === 'vxlan' && !directRouting,
  expect: () => ({rule: 'sysctl-rp-filter-strict', node: 'n1'}),
  inject: ({nodes, vni}) => [
    {
      at: 'n1',
      run: `ip rule del pref 100 2>/dev/null; ip route replace ${nodes[1]!.subnet} via ${nodes[1]!.ip} dev eth0 table 100 && ip rule add pref 100 from ${nodes[0]!.subnet} lookup 100 && sysctl -q -w net/ipv4/conf/flannel.${vni}/rp_filter=1`,
    },
  ],
  fix: ({vni}) => [
    {at: 'n1', run: `ip rule del pref 100 && ip route flush table 100 && sysctl -q -w net/ipv4/conf/flannel.${vni}/rp_filter=2`},
  ],
};
