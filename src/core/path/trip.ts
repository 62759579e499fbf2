import {tables} from '../kernel/index.js';
import type {Sourced, Table} from '../kernel/table.js';
import type {Ip} from '../net/address.js';
import {type Disposition, isGood} from './disposition.js';
import type {InFlight} from './packet.js';
import type {Certainty, PathStep, StepKind} from './step.js';
import type {Place, World} from './world.js';

/** How a packet's way ended. */
export interface End {
  readonly disposition: Disposition;
  readonly because: string;
  /** The packet as its receiver sees it, for good ends. */
  readonly packet?: InFlight;
  readonly place?: Place;
  /** A node whose state must be read before the walk can go on. */
  readonly needs?: string;
}

/** Addresses and ports of a packet; no ports for an echo. */
export interface Tuple {
  readonly src: Ip;
  readonly dst: Ip;
  readonly sport?: number | undefined;
  readonly dport?: number | undefined;
}

/** What connection tracking of one node keeps of a flow: its first packet as it came, and as it left. */
export interface Tracked {
  readonly orig: Tuple;
  readonly now: Tuple;
  /** The connection's mark; undefined: not known. */
  readonly ctmark?: number | undefined;
}

/** `hinges`: what alone must be known to take it away. */
export interface Doubt {
  readonly at: number;
  readonly why: string;
  readonly hinges?: 'source-check' | undefined;
}

/** One direction under way. It grows step by step; where the way forks, each leg goes on with a copy. */
export interface Trip {
  readonly world: World;
  steps: PathStep[];
  /** Largest IP packet that fits whole so far, and what tunnels take of it now. */
  limit: number;
  overhead: number;
  /** By node. A reply finds here what the first packet left. */
  tracked: Map<string, Tracked>;
  /** Endpoints of WireGuard's peers as a packet that came from them has set them, by node, device and key. */
  roamed: Map<string, {readonly address: Ip; readonly port: number}>;
  /** The last packet that a tunnel sent. */
  wrapped?: InFlight;
  /** Where, and with which addresses, it went into a network that nobody can look into. */
  crossed?: readonly string[];
  /** Only one node's tables are there: what others do with a handshake is not asked. */
  readonly alone?: true;
  /** Reasons why a good end is not certain, each with the number of steps that were before it. */
  doubts: Doubt[];
  /** Where it must arrive; undefined accepts every holder of the address. */
  readonly target: Place | undefined;
  /** Which way to take where rules leave several open. Absent: none is taken, and the walk's end is no certainty. */
  readonly picks?: Picks | undefined;
  /** The packet as its sender made it. */
  sent?: InFlight;
  /** For an answer: what was asked. Only an answer to that is the sender's. */
  readonly asked?: Tuple | undefined;
}

/** Chooses among several ways, and remembers which, so that all of them can be walked. */
export interface Picks {
  /** @param sure chance takes each of these ways at times; else nobody can tell whether it takes it at all */
  take(ways: readonly string[], sure: boolean): number;
}

export const fork = (trip: Trip): Trip => ({
  ...trip,
  steps: [...trip.steps],
  tracked: new Map(trip.tracked),
  roamed: new Map(trip.roamed),
  doubts: [...trip.doubts],
});

/** The trip goes on as one of its legs went. */
export function adopt(trip: Trip, leg: Trip): void {
  trip.steps = leg.steps;
  trip.limit = leg.limit;
  trip.overhead = leg.overhead;
  trip.tracked = leg.tracked;
  trip.roamed = leg.roamed;
  if (leg.wrapped !== undefined) trip.wrapped = leg.wrapped;
  trip.doubts = leg.doubts;
  if (leg.crossed !== undefined) trip.crossed = leg.crossed;
  if (leg.sent !== undefined) trip.sent = leg.sent;
}

export type Evidence = PathStep['evidence'];

export interface Said {
  readonly dev?: string | undefined;
  readonly evidence?: Evidence;
  readonly certainty?: Certainty;
  readonly about?: string;
}

export function say(trip: Trip, place: Place | 'underlay', kind: StepKind, text: string, said: Said = {}): void {
  trip.steps.push({
    kind,
    node: place === 'underlay' ? 'underlay' : place.node,
    ...(place !== 'underlay' && place.pod !== undefined && {pod: place.pod}),
    ...(said.dev !== undefined && {dev: said.dev}),
    text,
    evidence: said.evidence ?? [],
    ...(said.about !== undefined && {about: said.about}),
    certainty: said.certainty ?? (place !== 'underlay' && restsOnNoListing(place, kind, said.dev) ? 'inferred' : 'observed'),
  });
}

const ofDevices: ReadonlySet<StepKind> = new Set(['receive', 'link', 'bridge', 'encapsulate', 'decapsulate']);

/** What a device does whose kind nobody printed, or that nobody listed at all, is no fact. */
const restsOnNoListing = ({state}: Place, kind: StepKind, dev: string | undefined): boolean =>
  dev !== undefined && state.families.link === undefined && ofDevices.has(kind);

/** The packet ends here: the last step says so and why. */
export function ended(
  trip: Trip,
  place: Place | 'underlay',
  kind: StepKind,
  disposition: Disposition,
  because: string,
  said: Said = {},
): End {
  say(trip, place, kind, because, {...said, ...(disposition === 'unknown' && {certainty: 'unknown' as const})});
  const last = trip.steps.pop()!;
  trip.steps.push({...last, end: disposition});
  return {disposition, because};
}

/** It may be otherwise: the walk goes on, but a good end of it is no certainty. */
export const doubt = (trip: Trip, why: string, hinges?: Doubt['hinges']): void => {
  trip.doubts.push({at: trip.steps.length, why, hinges});
};

/** All legs of a fork must be good; the first that is not speaks for all. */
export function everyLeg<T>(trip: Trip, legs: readonly T[], name: (leg: T) => string, go: (trip: Trip, leg: T) => End): End {
  let first: {readonly leg: Trip; readonly end: End} | undefined;
  for (const [i, leg] of legs.entries()) {
    const copy = fork(trip);
    const end = go(copy, leg);
    if (!isGood(end.disposition)) {
      adopt(trip, copy);
      return legs.length === 1 ? end : {...end, because: `leg ${i + 1} of ${legs.length} (${name(leg)}): ${end.because}`};
    }
    first ??= {leg: copy, end};
  }
  adopt(trip, first!.leg);
  return first!.end;
}

type Rows = typeof tables;
/** The row that decided, as its tool prints it. */
export function row<N extends keyof Rows>(place: Place, table: N, entry: Rows[N] extends Table<infer R> ? R : never): Evidence {
  // A device that only follows from other rows was printed by nobody.
  if ((table === 'link' || table === 'neigh') && (entry as Sourced).origin === undefined) return [];
  const {kind: _, ...printed} = entry as Sourced & {readonly kind?: unknown};
  const plain = table === 'link' && place.state.families.link === undefined;
  const shown = (tables[table] as unknown as Table<Sourced>).show(plain ? printed : (entry as Sourced));
  return [{node: place.node, command: (entry as Sourced).origin?.command ?? `the ${table} table`, lines: [shown]}];
}
