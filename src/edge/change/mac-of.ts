import {createHash} from 'node:crypto';
import type {Family, Mac} from '../../core/net/address.js';

/**
 * The hardware address for a tunnel device that is to be made: locally administered and unicast, as flanneld chooses them, but always the same
 * for the same node of the same cluster, so that a plan made twice is the same plan. `cluster`: what tells this cluster from others, such as
 * its pod network and a public address.
 */
export function macOf(cluster: string, node: string, family: Family): Mac {
  const digest = createHash('sha256')
    .update(JSON.stringify(['flannel', cluster, node, family]))
    .digest();
  digest[0] = (digest[0]! & 0xfc) | 0x02;
  return [...digest.subarray(0, 6)].map((byte) => byte.toString(16).padStart(2, '0')).join(':');
}
