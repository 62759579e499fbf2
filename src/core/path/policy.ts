import type {XfrmPolicy} from '../kernel/xfrm.js';
import {modeOf} from '../modes/index.js';
import {contains} from '../net/prefix.js';
import type {Association, InFlight} from './packet.js';
import {doubt, type End, ended, row, type Trip} from './trip.js';
import type {Place} from './world.js';

/**
 * IPsec's policy for a packet: of those that its addresses match the one with the lowest priority number, and among equals the one that was made
 * first (xfrm_policy_lookup_bytype). `ip xfrm policy` prints that last, unless it was updated since: then it keeps its place and its `index`, but
 * is printed before the others. So where the list has no `index` and equals differ in what they ask for, nobody can tell, and they are `rivals`.
 */
export function policyFor(
  {state}: Pick<Place, 'state'>,
  dir: XfrmPolicy['dir'],
  {src, dst}: Pick<InFlight, 'src' | 'dst'>,
): {readonly policy: XfrmPolicy; readonly rivals: boolean} | undefined {
  const all = (state.tables.xfrm ?? []).filter((p) => p.dir === dir && contains(p.src, src) && contains(p.dst, dst));
  const [first, ...others] = all
    .toReversed()
    .toSorted((a, b) => a.priority - b.priority || (a.index === undefined || b.index === undefined ? 0 : a.index - b.index));
  if (first === undefined) return undefined;
  const asks = ({action, tmpl}: XfrmPolicy): string => JSON.stringify([action, tmpl]);
  const equals = others.filter((p) => p.priority === first.priority && (p.index === undefined || first.index === undefined));
  return {policy: first, rivals: equals.some((p) => asks(p) !== asks(first))};
}

/** The same on a walk, which ends where it cannot tell. */
function chosen(
  trip: Trip,
  place: Place,
  dir: XfrmPolicy['dir'],
  packet: InFlight,
): {readonly policy: XfrmPolicy | undefined} | {readonly end: End} {
  const found = policyFor(place, dir, packet);
  if (!found?.rivals) return {policy: found?.policy};
  const why = `IPsec policies of ${place.node} (dir ${dir}) for ${packet.src} → ${packet.dst} have one priority and differ: the one made first wins, and the list does not tell which that is`;
  return {end: ended(trip, place, 'policy', 'unknown', why, {evidence: row(place, 'xfrm', found.policy)})};
}

/** A packet that came in, to be delivered (`in`) or forwarded (`fwd`): did it come as a policy wants it (__xfrm_policy_check)? */
export function barredIn(trip: Trip, place: Place, dir: 'in' | 'fwd', packet: InFlight): End | undefined {
  if (place.own === undefined || packet.inner?.via === 'esp') return undefined;
  const {came} = packet;
  if (place.state.tables.xfrm === undefined) {
    if (came || isIpsec(trip, place)) doubt(trip, `the IPsec policies of ${place.node} were not read`);
    return undefined;
  }
  const found = chosen(trip, place, dir, packet);
  if ('end' in found) return found.end;
  const {policy} = found;
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
  modeOf(trip.world.cluster.members.find((m) => m.name === place.node)?.lease?.backendType ?? '')?.encrypts === 'policies';

/** What becomes of a packet that leaves, before the device is asked: nothing, its end, or the policy whose association takes it. */
export function policyOut(trip: Trip, place: Place, packet: InFlight): {readonly end: End} | {readonly policy: XfrmPolicy | undefined} {
  if (place.own === undefined || packet.inner?.via === 'esp') return {policy: undefined};
  if (place.state.tables.xfrm === undefined) {
    if (isIpsec(trip, place)) doubt(trip, `the IPsec policies of ${place.node} were not read`);
    return {policy: undefined};
  }
  const found = chosen(trip, place, 'out', packet);
  if ('end' in found) return found;
  const {policy} = found;
  if (policy?.action === 'block')
    return {
      end: ended(trip, place, 'policy', 'filtered', `an IPsec policy of ${place.node} (dir out) blocks it`, {
        evidence: row(place, 'xfrm', policy),
      }),
    };
  return {policy: policy !== undefined && policy.tmpl.length > 0 ? policy : undefined};
}
