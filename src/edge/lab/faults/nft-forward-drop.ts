import type {Fault} from './fault.js';

/** nftables.conf has a forward chain of its own, which an accept in iptables does not end. */
export const nftForwardDrop: Fault = {
  id: 'nft-forward-drop',
  title: 'an nft table of n1 drops forwarded packets',
  fits: () => true,
  expect: () => ({rule: 'fw-foreign-nft-reject', node: 'n1'}),
  inject: () => [
    {
      at: 'n1',
      run: `nft add table inet site && nft add chain inet site forward '{ type filter hook forward priority 10 ; policy drop ; }'`,
    },
  ],
  fix: () => [{at: 'n1', run: 'nft delete table inet site'}],
};
