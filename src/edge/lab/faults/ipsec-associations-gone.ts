import type {Fault} from './fault.js';

/** charon ended and took its associations along; the policies stay, and nothing passes them. */
export const ipsecAssociationsGone: Fault = {
  id: 'ipsec-associations-gone',
  title: 'n1 has policies and no security associations',
  fits: ({backend}) => backend === 'ipsec',
  expect: () => ({rule: 'ipsec-association-missing', node: 'n1'}),
  inject: () => [{at: 'n1', run: 'ip xfrm state flush'}],
  fix: (lab) => [{at: 'n1', run: lab.anew('n1')}],
  byHand: true,
};
