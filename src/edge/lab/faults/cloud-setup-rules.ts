import type {Fault} from './fault.js';

/** nm-cloud-setup gives the pods of a node a table without pod routes. */
export const cloudSetupRules: Fault = {
  id: 'cloud-setup-rules',
  title: 'nm-cloud-setup catches what the pods of n1 send',
  fits: () => true,
  expect: () => ({rule: 'nm-cloud-setup-on-flannel', node: 'n1'}),
  inject: ({nodes}) => [
    {
      at: 'n1',
      run: `ip route replace default via ${nodes[0]!.ip.replace(/\d+$/, '254')} dev eth0 table 30400 && ip rule add pref 30400 from ${nodes[0]!.subnet} lookup 30400`,
    },
  ],
  fix: () => [{at: 'n1', run: 'ip rule del pref 30400; ip route flush table 30400'}],
};
