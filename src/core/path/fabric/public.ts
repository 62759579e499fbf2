import {familyOf, type Ip} from '../../net/address.js';
import {contains} from '../../net/prefix.js';
import type {InFlight} from '../packet.js';
import {type End, ended, say, type Trip} from '../trip.js';
import {ownerOf} from './owner.js';

/** Addresses that nothing in the world outside leads back to (RFC 1918, 6598, 4193, 3927). */
const inner = ['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', '100.64.0.0/10', '169.254.0.0/16', '127.0.0.0/8', 'fc00::/7', 'fe80::/10'];

const isInner = (address: Ip): boolean =>
  inner.some((prefix) => familyOf(prefix.split('/')[0]!) === familyOf(address) && contains(prefix, address));

/**
 * An answer out of the world to a pod whose own address went out: somebody must have translated it. A cloud does so at a NAT gateway that a
 * row leads to; it has no public address for a part of the pod network. Of a pod with an address of the cloud's own network nobody
 * knows, it may have a public one. Undefined: it comes.
 */
export function translatedBack(trip: Trip, {src, dst}: InFlight, asked: Trip | undefined): End | undefined {
  if (isInner(src) || asked === undefined) return undefined;
  const owner = ownerOf(trip.world, dst);
  if (owner === undefined || owner.as === 'node') return undefined;
  const gone = asked.steps.findLast((s) => s.crossing !== undefined)?.crossing;
  if (gone && !gone.decides.would && /nat/i.test(gone.decides.row)) {
    say(trip, 'underlay', 'fabric', `the NAT gateway of ${gone.decides.row} gives ${dst} its answer`, {certainty: 'declared'});
    return undefined;
  }
  if (owner.as === 'pod') {
    say(trip, 'underlay', 'fabric', `${dst} needs a public address of its own, or a NAT gateway: neither was told`, {
      certainty: 'inferred',
    });
    return undefined;
  }
  const because = `${dst} went out with its own address, and the cloud has no public one for it: nothing comes back`;
  return ended(trip, 'underlay', 'fabric', 'no-route', because, {certainty: 'declared'});
}
