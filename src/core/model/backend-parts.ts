import type {Lease} from '../flannel/lease.js';
import type {LeaseRecord} from '../flannel/records.js';
import type {Prefix} from '../net/address.js';
import type {InventoryNode} from './inventory.js';
import type {Claims} from './survey.js';

/** What a lease says beside subnet and address: flannel's backend data. */
type BackendParts = Pick<Lease, 'vtepMAC' | 'vtepMACv6' | 'publicKey' | 'wgPort' | 'wgPortV6'>;

/** What flannel's records hold of the node's own devices; WireGuard's key is the same in both families. */
export function recordedData({backendData: v4, backendV6Data: v6}: LeaseRecord): BackendParts {
  const publicKey = v4?.publicKey ?? v6?.publicKey;
  return {
    ...(v4?.vtepMAC !== undefined && {vtepMAC: v4.vtepMAC}),
    ...(v6?.vtepMAC !== undefined && {vtepMACv6: v6.vtepMAC}),
    ...(publicKey !== undefined && {publicKey}),
    ...(v4?.listenPort !== undefined && {wgPort: v4.listenPort}),
    ...(v6?.listenPort !== undefined && {wgPortV6: v6.listenPort}),
  };
}

/** The same as an inventory states it. */
export function listedData(listed: InventoryNode | undefined): BackendParts {
  const {vtepMAC, vtepMACv6, publicKey, wgPort, wgPortV6} = listed?.lease ?? {};
  return {
    ...(vtepMAC !== undefined && {vtepMAC}),
    ...(vtepMACv6 !== undefined && {vtepMACv6}),
    ...(publicKey !== undefined && {publicKey}),
    ...(wgPort !== undefined && {wgPort}),
    ...(wgPortV6 !== undefined && {wgPortV6}),
  };
}

/** The WireGuard key by which its peers know a node that did not show it itself: the one most of them hold. */
export function heldKey(subnet: Prefix | undefined, {wg}: Claims): Pick<Lease, 'publicKey'> {
  const [first] = [...((subnet && wg.get(subnet)) ?? [])].toSorted((a, b) => b[1].length - a[1].length);
  return first === undefined ? {} : {publicKey: first[0]};
}
