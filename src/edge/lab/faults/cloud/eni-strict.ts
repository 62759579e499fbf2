import type {Fault} from '../fault.js';
import {hasRuled} from './places.js';

/** Somebody hardened the node: rp_filter of the pods' interface is strict. */
export const eniStrict: Fault = {
  id: 'eni-strict',
  title: 'rp_filter of eth1 is strict on n1',
  fits: hasRuled,
  expect: () => ({rule: 'vpc-rp-filter-strict', node: 'n1'}),
  inject: () => [{at: 'n1', run: 'echo 1 > /proc/sys/net/ipv4/conf/eth1/rp_filter'}],
  fix: () => [{at: 'n1', run: 'echo 2 > /proc/sys/net/ipv4/conf/eth1/rp_filter'}],
  byHand: true,
};
