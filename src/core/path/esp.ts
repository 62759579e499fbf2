import {lookup} from '../forwarding/lookup.js';
import {routeMtu} from '../forwarding/route-mtu.js';
import type {XfrmPolicy, XfrmState} from '../kernel/xfrm.js';
import {familyOf} from '../net/address.js';
import {isLocal} from './local.js';
import {input, output} from './namespace.js';
import type {InFlight, Inner} from './packet.js';
import {tap} from './tap.js';
import {type End, ended, row, say, type Trip} from './trip.js';
import type {Place} from './world.js';

/**
 * ESP in tunnel mode as charon makes it with flannel's proposal, AES-GCM with a tag of 16 bytes: outer IP, header 8, IV 8, the packet padded
 * with its two trailing bytes to 4, tag 16; in UDP 8 more. Keys and algorithms are not gathered, so other proposals differ by some bytes.
 */
const HEADER = {4: 36, 6: 56} as const;
const TAG = 16;
const UDP = 8;
const headerOf = ({src, encap}: Pick<XfrmState, 'src' | 'encap'>): number => HEADER[familyOf(src)] + (encap ? UDP : 0);
const sizeOf = (state: XfrmState, size: number): number => headerOf(state) + TAG + Math.ceil((size + 2) / 4) * 4;

/** At least this much is added to a packet, without UDP. */
export const overheadOf = (family: 4 | 6): number => HEADER[family] + TAG + 2;

/** The largest packet that the association carries over a device of this MTU (xfrm_state_mtu). */
export const mtuOf = (state: Pick<XfrmState, 'src' | 'encap'>, mtu: number): number => ((mtu - headerOf(state) - TAG) & ~3) - 2;

/**
 * The largest packet that the association carries from this node: what the way of the encrypted packet takes, less what is added to it. The
 * route that the packet itself was looked up by adds its own MTU to that, unreduced (xfrm_init_pmtu). Undefined where no MTU is known.
 */
export function roomIn({state: node}: Place, state: XfrmState): number | undefined {
  const way = lookup(node, {src: state.src, dst: state.dst, ipproto: state.encap ? 'udp' : 'esp'});
  const mtu = way.kind === 'route' ? routeMtu(node, way.route) : 'unknown';
  return mtu === 'unknown' ? undefined : mtuOf(state, mtu.mtu);
}

/** The association that a policy's template leads to (xfrm_state_find); several of them are as good as each other. */
export function stateFor(states: readonly XfrmState[], {tmpl: [wanted]}: XfrmPolicy): XfrmState | undefined {
  return states.find(
    (s) =>
      wanted !== undefined &&
      s.src === wanted.src &&
      s.dst === wanted.dst &&
      s.proto === wanted.proto &&
      s.mode === wanted.mode &&
      (wanted.reqid === 0 || s.reqid === wanted.reqid),
  );
}

/** The association for a packet that a policy takes, or its end: without one the kernel sends nothing (XfrmOutNoStates). */
export function associationFor(trip: Trip, place: Place, policy: XfrmPolicy): {readonly state: XfrmState} | {readonly end: End} {
  const evidence = row(place, 'xfrm', policy);
  const [wanted] = policy.tmpl;
  const {sa} = place.state.tables;
  if (sa === undefined || wanted?.mode !== 'tunnel' || wanted.proto !== 'esp' || policy.tmpl.length !== 1) {
    const why =
      sa === undefined ? `the security associations of ${place.node} were not read` : `the policy asks for more than ESP in tunnel mode`;
    return {end: ended(trip, place, 'policy', 'unknown', why, {evidence})};
  }
  const state = stateFor(sa, policy);
  if (state) return {state};
  const why = `an IPsec policy of ${place.node} sends it to ${wanted.dst} with ESP, and there is no security association for it`;
  return {end: ended(trip, place, 'policy', 'no-association', why, {evidence})};
}

/** Behind POSTROUTING the packet is encrypted, and what comes of it is sent by the node itself (xfrm4_output, xfrm_output_resume). */
export function encapsulate(trip: Trip, place: Place, policy: XfrmPolicy, state: XfrmState, packet: InFlight): End {
  const {src, dst, spi, encap} = state;
  say(trip, place, 'policy', `an IPsec policy takes it before the device does`, {evidence: row(place, 'xfrm', policy)});
  if (isLocal(place, src) === false)
    return ended(trip, place, 'encapsulate', 'no-route', `the association sends from ${src}, which ${place.node} does not have`, {
      evidence: row(place, 'sa', state),
    });
  const size = sizeOf(state, packet.size);
  const how = encap ? `in UDP ${encap.dport}` : 'protocol 50';
  say(trip, place, 'encapsulate', `ESP: ${src} → ${dst}, ${how}, ${size - packet.size} bytes more`, {evidence: row(place, 'sa', state)});
  const outer: InFlight = {
    family: familyOf(src),
    src,
    dst,
    ...(encap ? {proto: 'udp' as const, sport: encap.sport, dport: encap.dport} : {proto: 'esp' as const}),
    size,
    mark: packet.mark,
    ttl: 64,
    reply: false,
    ...(packet.cuttable && {cuttable: true}),
    inner: {via: 'esp', packet, spi},
  };
  trip.overhead += headerOf(state) + TAG + 2;
  trip.wrapped = outer;
  return output(trip, place, outer);
}

/** ESP for this node: the association with its number takes it, and what was inside comes in once more by the same device. */
export function decapsulate(trip: Trip, place: Place, iif: string, outer: InFlight, inner: Extract<Inner, {via: 'esp'}>): End {
  const {sa} = place.state.tables;
  const spi = `0x${inner.spi.toString(16).padStart(8, '0')}`;
  if (sa === undefined)
    return ended(trip, place, 'decapsulate', 'unknown', `the security associations of ${place.node} were not read`, {dev: iif});
  const state = sa.find(
    (s) => s.dst === outer.dst && s.proto === 'esp' && s.spi === inner.spi && (s.encap !== undefined) === (outer.proto === 'udp'),
  );
  if (!state)
    return ended(trip, place, 'decapsulate', 'no-association', `${place.node} has no security association ${spi} for ESP to ${outer.dst}`, {
      dev: iif,
    });
  trip.overhead -= headerOf(state) + TAG + 2;
  const {src, dst, proto, reqid, mode} = state;
  tap(trip, place, iif, 'in', inner.packet);
  say(trip, place, 'decapsulate', `ESP ${spi} from ${outer.src} is decrypted, and comes in by ${iif} once more`, {
    dev: iif,
    evidence: row(place, 'sa', state),
  });
  return input(trip, place, iif, {...inner.packet, mark: 0, came: {src, dst, proto, reqid, mode}});
}
