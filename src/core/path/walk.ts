import type {Family} from '../net/address.js';
import type {Disposition} from './disposition.js';
import {isGood} from './disposition.js';
import {send} from './namespace.js';
import type {InFlight, Probe} from './packet.js';
import type {Certainty, Hop, PathStep, Walk} from './step.js';
import {type End, say, type Tracked, type Trip} from './trip.js';
import {throughRouter} from './underlay.js';
import {unread} from './unread.js';
import {type Place, placeName, type World} from './world.js';

/** What is walked: from where, with which packet, and where it must arrive (undefined: wherever its address leads). */
export interface Question {
  readonly world: World;
  readonly from: Place;
  readonly to: Place | undefined;
  readonly probe: Probe;
}

export type Answer =
  | {readonly there: Walk; readonly back: Walk | undefined; readonly needs?: undefined}
  /** A node on the way must be read first. */
  | {readonly needs: string};

/** Larger than any packet: no device has limited it yet. */
const NO_LIMIT = 65_535;

const begin = (world: World, target: Place | undefined, tracked: ReadonlyMap<string, Tracked>): Trip => ({
  world,
  steps: [],
  limit: NO_LIMIT,
  overhead: 0,
  tracked: new Map(tracked),
  doubts: [],
  target,
});

/**
 * Follows a packet to its end, and the answer from there to the sender, by what the first packet left in connection tracking. There is no
 * answer to what did not arrive.
 */
export function walk({world, from, to, probe}: Question): Answer {
  const out = begin(world, to, new Map());
  const end = send(out, from, probe, false);
  if (end.needs !== undefined) return {needs: end.needs};
  const there = finish(out, end, probe.family, placeName(from), to ? placeName(to) : probe.dst);
  if (!isGood(end.disposition) || end.packet === undefined) return {there, back: undefined};
  const way = begin(world, from, out.tracked);
  const reply = answer(end.packet);
  const returned = end.place ? send(way, end.place, reply, true) : fromOutside(way, reply);
  if (returned.needs !== undefined) return {needs: returned.needs};
  return {there, back: finish(way, returned, probe.family, there.to, there.from)};
}

const answer = ({family, src, dst, proto, sport, dport, size}: InFlight): Probe & {readonly src: string} => ({
  family,
  src: dst,
  dst: src,
  proto,
  ...(dport !== undefined && {sport: dport}),
  ...(sport !== undefined && {dport: sport}),
  size,
});

/** Whoever answers outside is not gathered: the answer begins at the router that the packet left through. */
function fromOutside(trip: Trip, reply: Probe & {readonly src: string}): End {
  say(trip, 'underlay', 'send', `${reply.src} answers ${reply.dst}`, {certainty: 'inferred'});
  // A sender learns what the way takes and cuts its answer accordingly, whatever system it is.
  return throughRouter(trip, {...reply, mark: 0, ttl: 64, reply: true, cuttable: reply.proto === 'icmp'}, undefined);
}

function finish(trip: Trip, end: End, family: Family, from: string, to: string): Walk {
  const hops = hopsOf(trip.steps);
  const at = (step: number): number => hops.find((h) => h.last >= Math.min(step, trip.steps.length - 1))?.hop.number ?? 1;
  const bad = (kind: 'broken' | 'unknown', hop: number, disposition: Disposition, because: string): Walk['verdict'] => ({
    kind,
    hop,
    disposition,
    because,
  });
  const [doubtful] = trip.doubts;
  const gap = unread(trip.world, end.disposition, family);
  const verdict: Walk['verdict'] = isGood(end.disposition)
    ? doubtful
      ? bad('unknown', at(doubtful.at), 'unknown', doubtful.why)
      : {kind: 'reachable', certainty: worst(trip.steps)}
    : gap !== undefined
      ? bad('unknown', at(trip.steps.length - 1), 'unknown', `${gap}: ${end.because}`)
      : bad(end.disposition === 'unknown' ? 'unknown' : 'broken', at(trip.steps.length - 1), end.disposition, end.because);
  return {from, to, hops: hops.map((h) => h.hop), verdict, ...(isGood(end.disposition) && trip.limit < NO_LIMIT && {pathMtu: trip.limit})};
}

const order: readonly Certainty[] = ['observed', 'declared', 'inferred', 'unknown'];
const worst = (steps: readonly PathStep[]): Certainty => order[Math.max(0, ...steps.map((s) => order.indexOf(s.certainty)))] ?? 'observed';

/** One hop for each stay in a namespace or on the wire. */
function hopsOf(steps: readonly PathStep[]): readonly {readonly hop: Hop; readonly last: number}[] {
  const hops: {hop: Hop; last: number}[] = [];
  for (const [i, step] of steps.entries()) {
    const place = step.node === 'underlay' ? 'underlay' : step.pod === undefined ? step.node : `pod ${step.pod}`;
    const last = hops.at(-1);
    if (last?.hop.place === place) {
      last.hop = {...last.hop, steps: [...last.hop.steps, step]};
      last.last = i;
    } else hops.push({hop: {number: hops.length + 1, place, steps: [step]}, last: i});
  }
  return hops;
}
