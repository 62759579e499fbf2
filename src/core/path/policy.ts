import type {XfrmPolicy} from '../kernel/xfrm.js';
import {contains} from '../net/prefix.js';
import type {Association, InFlight} from './packet.js';
import {doubt, type End, ended, row, type Trip} from './trip.js';
import type {Place} from './world.js';

/**
 * IPsec's policy for a packet: of those that its addresses match the one with the lowest priority number, and among equals the oldest, which
 * `ip xfrm policy` prints last (xfrm_policy_lookup_bytype). Undefined: none matches, or the node's policies are none.
 */
export function policyFor({state}: Place, dir: XfrmPolicy['dir'], {src, dst}: Pick<InFlight, 'src' | 'dst'>): XfrmPolicy | undefined {
  let best: XfrmPolicy | undefined;
  for (const policy of state.tables.xfrm ?? [])
    if (policy.dir === dir && contains(policy.src, src) && contains(policy.dst, dst) && (!best || policy.priority <= best.priority))
      best = policy;
  return best;
}

/** A packet that came in, to be delivered (`in`) or forwarded (`fwd`): did it come as a policy wants it (__xfrm_policy_check)? */
export function barredIn(trip: Trip, place: Place, dir: 'in' | 'fwd', packet: InFlight): End | undefined {
  if (place.own === undefined || packet.inner?.via === 'esp') return undefined;
  const {came} = packet;
  if (place.state.tables.xfrm === undefined) {
    if (came || isIpsec(trip, place)) doubt(trip, `the IPsec policies of ${place.node} were not read`);
    return undefined;
  }
  const policy = policyFor(place, dir, packet);
  if (!policy) {
    if (!came || came.mode === 'transport') return undefined;
    const why = `it came out of a security association, and no policy of ${place.node} (dir ${dir}) is for ${packet.src} → ${packet.dst}`;
    return ended(trip, place, 'policy', 'unprotected', why);
  }
  const evidence = row(place, 'xfrm', policy);
  if (policy.action === 'block')
    return ended(trip, place, 'policy', 'filtered', `an IPsec policy of ${place.node} (dir ${dir}) blocks it`, {evidence});
  // One that is optional lets through what came in clear, and not what came by another way.
  if (policy.tmpl.every((wanted) => (came === undefined ? wanted.level === 'use' : satisfies(came, wanted)))) return undefined;
  const how = came ? 'out of another security association than it asks for' : 'in clear';
  return ended(trip, place, 'policy', 'unprotected', `it comes ${how}, and an IPsec policy of ${place.node} (dir ${dir}) asks for ESP`, {
    evidence,
  });
}

/** Zero and the unspecified address stand for any (xfrm_state_ok). */
const satisfies = (came: Association, wanted: Association): boolean =>
  came.proto === wanted.proto &&
  came.mode === wanted.mode &&
  (wanted.reqid === 0 || came.reqid === wanted.reqid) &&
  (wanted.mode === 'transport' || ((isAny(wanted.src) || came.src === wanted.src) && (isAny(wanted.dst) || came.dst === wanted.dst)));

const isAny = (address: string): boolean => address === '0.0.0.0' || address === '::';

const isIpsec = (trip: Trip, place: Place): boolean =>
  trip.world.cluster.members.find((m) => m.name === place.node)?.lease?.backendType === 'ipsec';

/** What becomes of a packet that leaves, before the device is asked: nothing, its end, or the policy whose association takes it. */
export function policyOut(trip: Trip, place: Place, packet: InFlight): {readonly end: End} | {readonly policy: XfrmPolicy | undefined} {
  if (place.own === undefined || packet.inner?.via === 'esp') return {policy: undefined};
  if (place.state.tables.xfrm === undefined) {
    if (isIpsec(trip, place)) doubt(trip, `the IPsec policies of ${place.node} were not read`);
    return {policy: undefined};
  }
  const policy = policyFor(place, 'out', packet);
  if (policy?.action === 'block')
    return {
      end: ended(trip, place, 'policy', 'filtered', `an IPsec policy of ${place.node} (dir out) blocks it`, {
        evidence: row(place, 'xfrm', policy),
      }),
    };
  return {policy: policy !== undefined && policy.tmpl.length > 0 ? policy : undefined};
}
