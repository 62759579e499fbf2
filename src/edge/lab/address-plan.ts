import type {Prefix} from '../../core/net/address.js';

/** Addresses beyond the router: pods reach them through masquerade only, for the underlay has no route back to pods. */
export const outside = {ip: '203.0.113.1', ip6: '2001:db8:ffff::1'} as const;
/** flannel's, of each family. */
export const podNetwork: Prefix = '10.244.0.0/16';
export const podNetwork6: Prefix = 'fd44::/56';
