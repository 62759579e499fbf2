import type {Fault} from './fault.js';

/** A VPN client accepted a route for the pod network, in a table that is asked before main. */
export const vpnTakesPods: Fault = {
  id: 'vpn-takes-pods',
  title: 'a VPN on n1 takes the pod network',
  fits: () => true,
  expect: () => ({rule: 'rule-vpn-captures-pod-cidr', node: 'n1'}),
  inject: () => [
    {
      at: 'n1',
      run: 'ip link show tailscale0 >/dev/null 2>&1 || { ip link add tailscale0 type bridge && ip rule add pref 5270 lookup 52; }; ip link set tailscale0 up && ip route replace 10.244.0.0/16 dev tailscale0 table 52',
    },
  ],
  fix: () => [{at: 'n1', run: 'ip rule del pref 5270; ip link del tailscale0'}],
};
