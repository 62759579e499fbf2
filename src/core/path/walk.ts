import {holderOf} from '../cloud/choose.js';
import type {Family, Ip} from '../net/address.js';
import type {Disposition} from './disposition.js';
import {isGood} from './disposition.js';
import {cross} from './fabric/cross.js';
import {isFabric} from './fabric/owner.js';
import {translatedBack} from './fabric/public.js';
import {send} from './namespace.js';
import {type InFlight, type Probe, shownPacket, UNLISTED} from './packet.js';
import {EveryPick} from './picks.js';
import type {Certainty, Hop, PathStep, Walk} from './step.js';
import {type End, ended, say, type Trip, type Tuple} from './trip.js';
import {throughRouter} from './underlay.js';
import {unread} from './unread.js';
import {type Place, placeName, type World} from './world.js';

/** A machine in the network between the nodes, of which nothing was gathered. */
export interface Machine {
  readonly machine: Ip;
}

/** What is walked: from where, with which packet, and where it must arrive (undefined: wherever its address leads). */
export interface Question {
  readonly world: World;
  readonly from: Place | Machine;
  readonly to: Place | undefined;
  readonly probe: Probe;
  /** The destination is a service address: it must become another before the packet leaves the cluster. */
  readonly service?: boolean;
}

export type Answer =
  | {readonly there: Walk; readonly back: Walk | undefined; readonly needs?: undefined}
  /** A node on the way must be read first. */
  | {readonly needs: string};

/** Larger than any packet: no device has limited it yet. */
const NO_LIMIT = 65_535;

const begin = (
  world: World,
  target: Place | undefined,
  before: Pick<Trip, 'tracked' | 'roamed'> | undefined,
  picks: EveryPick,
  asked?: Tuple | undefined,
): Trip => ({
  world,
  steps: [],
  limit: NO_LIMIT,
  overhead: 0,
  tracked: new Map(before?.tracked),
  roamed: new Map(before?.roamed),
  doubts: [],
  target,
  picks,
  asked,
});

/**
 * Follows a packet to its end, and the answer from there to the sender, by what the first packet left in connection tracking. There is no
 * answer to what did not arrive. Where rules leave the way to chance (the endpoints of a service), or it cannot be judged which they take,
 * all ways are walked: the worst is the answer, and says which way it is.
 */
export function walk(question: Question): Answer {
  const picks = new EveryPick();
  let worst: Whole | undefined;
  let limit = NO_LIMIT;
  for (let more = 'walk'; more === 'walk'; ) {
    const answer = walkOnce(question, picks);
    if (answer.needs !== undefined) return answer;
    limit = Math.min(limit, answer.there.pathMtu ?? NO_LIMIT);
    const named = naming(answer, picks.taken);
    if (worst === undefined || badness(named) > badness(worst)) worst = named;
    more = badness(worst) === BROKEN ? 'done' : picks.next();
    if (more === 'too-many') worst = tooMany(worst);
  }
  const {there, back} = worst as Whole;
  return {there: settled(there.pathMtu === undefined ? there : {...there, pathMtu: limit}), back: back && settled(back)};
}

/** Where the end is not certain, its last step does not say otherwise. */
function settled(walk: Walk): Walk {
  if (walk.verdict.kind !== 'unknown') return walk;
  const step = (one: PathStep): PathStep => (one.end === undefined ? one : {...one, end: 'unknown', certainty: 'unknown'});
  return {...walk, hops: walk.hops.map((hop) => ({...hop, steps: hop.steps.map(step)}))};
}

type Whole = Extract<Answer, {readonly there: Walk}>;

const BROKEN = 3;
function badness({there, back}: Whole): number {
  const of = ({verdict}: Walk): number =>
    verdict.kind === 'reachable' ? Number(verdict.certainty !== 'observed') : verdict.kind === 'broken' ? BROKEN : 2;
  return Math.max(of(there), back ? of(back) : 0);
}

/** The bad verdict of one way among several names the way. What happens on a way that may not be taken at all is no certainty. */
function naming({there, back}: Whole, taken: EveryPick['taken']): Whole {
  const name = (walk: Walk): Walk => {
    const {verdict} = walk;
    if (taken.length === 0 || verdict.kind === 'reachable') return walk;
    const because = `${taken.map(({text}) => text).join('; ')}: ${verdict.because}`;
    const unsure = verdict.kind === 'broken' && taken.some(({sure}) => !sure);
    return {...walk, verdict: unsure ? {...verdict, kind: 'unknown', disposition: 'unknown', because} : {...verdict, because}};
  };
  return {there: name(there), back: back && name(back)};
}

const tooMany = ({there, back}: Whole): Whole => {
  const {verdict} = there;
  if (verdict.kind !== 'reachable') return {there, back};
  const because = 'the rules leave more ways open than are walked';
  return {there: {...there, verdict: {kind: 'unknown', hop: 1, disposition: 'unknown', because}}, back};
};

function walkOnce({world, from, to, probe, service}: Question, picks: EveryPick): Answer {
  const out = begin(world, to, undefined, picks);
  let end = 'machine' in from ? fromOutside(out, {...probe, src: from.machine}, undefined) : send(out, from, probe, false);
  if (end.needs !== undefined) return {needs: end.needs};
  if (service && end.disposition === 'left-cluster' && end.packet?.dst === probe.dst)
    end = ended(out, 'underlay', 'underlay', 'no-listener', `${probe.dst} is a service address, and no rule made an endpoint's of it`);
  const there = finish(out, end, probe.family, 'machine' in from ? from.machine : placeName(from), to ? placeName(to) : probe.dst);
  // To an address that nobody printed there is no way back to be walked.
  if (!isGood(end.disposition) || end.packet === undefined || end.packet.src === UNLISTED) return {there, back: undefined};
  const way = begin(world, 'machine' in from ? undefined : from, out, picks, out.sent);
  const reply = answer(end.packet, probe.proto);
  const returned = end.place ? send(way, end.place, reply, true) : fromOutside(way, reply, out);
  if (returned.needs !== undefined) return {needs: returned.needs};
  return {there, back: finish(way, returned, probe.family, there.to, there.from)};
}

const answer = ({family, src, dst, sport, dport, size}: InFlight, proto: Probe['proto']): Probe & {readonly src: string} => ({
  family,
  src: dst,
  dst: src,
  proto,
  ...(dport !== undefined && {sport: dport}),
  ...(sport !== undefined && {dport: sport}),
  size,
});

/** Whoever sends outside is not gathered: his packet begins at the router that the other left through. */
function fromOutside(trip: Trip, sent: Probe & {readonly src: string}, asked: Trip | undefined): End {
  const {world} = trip;
  const packet: InFlight = {...sent, mark: 0, ttl: 64, reply: asked !== undefined, cuttable: asked !== undefined && sent.proto === 'icmp'};
  if (asked === undefined) trip.sent = packet;
  const {cloud} = world.cluster;
  say(trip, 'underlay', 'send', asked ? `${sent.src} answers ${sent.dst}` : shownPacket(packet), {
    certainty: asked === undefined ? 'observed' : cloud && holderOf(cloud, sent.src) ? 'declared' : 'inferred',
  });
  // A sender learns what the way takes and cuts its answer accordingly, whatever system it is.
  if (!isFabric(world, undefined, sent.dst)) return throughRouter(trip, packet, undefined);
  return translatedBack(trip, packet, asked) ?? cross(trip, {machine: sent.src}, packet);
}

function finish(trip: Trip, end: End, family: Family, from: string, to: string): Walk {
  const hops = hopsOf(trip.steps, from);
  const at = (step: number): number => hops.find((h) => h.last >= Math.min(step, trip.steps.length - 1))?.hop.number ?? 1;
  const bad = (kind: 'broken' | 'unknown', hop: number, disposition: Disposition, because: string) => ({
    kind,
    hop,
    disposition,
    because,
  });
  const [doubtful] = trip.doubts;
  const hinges = trip.doubts.every((d) => d.hinges === doubtful?.hinges) ? doubtful?.hinges : undefined;
  const gap = unread(trip.world, end.disposition, family);
  const verdict: Walk['verdict'] = isGood(end.disposition)
    ? doubtful
      ? {...bad('unknown', at(doubtful.at), 'unknown', doubtful.why), ...(hinges && {hinges})}
      : {kind: 'reachable', certainty: worst(trip.steps)}
    : gap !== undefined
      ? bad('unknown', at(trip.steps.length - 1), 'unknown', `${gap}: ${end.because}`)
      : bad(end.disposition === 'unknown' ? 'unknown' : 'broken', at(trip.steps.length - 1), end.disposition, end.because);
  return {from, to, hops: hops.map((h) => h.hop), verdict, ...(isGood(end.disposition) && trip.limit < NO_LIMIT && {pathMtu: trip.limit})};
}

const order: readonly Certainty[] = ['observed', 'declared', 'inferred', 'unknown'];
const worst = (steps: readonly PathStep[]): Certainty => order[Math.max(0, ...steps.map((s) => order.indexOf(s.certainty)))] ?? 'observed';

/**
 * One hop for each stay in a namespace or on the wire. Who sends into a cloud's network and was not gathered is a machine of it, and no wire:
 * `from`, as whoever asked calls it.
 */
function hopsOf(steps: readonly PathStep[], from: string): readonly {readonly hop: Hop; readonly last: number}[] {
  const hops: {hop: Hop; last: number}[] = [];
  for (const [i, step] of steps.entries()) {
    const place =
      step.node === 'underlay'
        ? step.kind === 'fabric'
          ? 'cloud network'
          : step.kind === 'send' && steps[i + 1]?.kind === 'fabric'
            ? `machine ${from}`
            : 'underlay'
        : step.pod === undefined
          ? step.node
          : `pod ${step.pod}`;
    const last = hops.at(-1);
    if (last?.hop.place === place) {
      last.hop = {...last.hop, steps: [...last.hop.steps, step]};
      last.last = i;
    } else hops.push({hop: {number: hops.length + 1, place, steps: [step]}, last: i});
  }
  return hops;
}
