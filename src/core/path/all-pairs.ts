import type {Family} from '../net/address.js';
import type {Digest, Fault, PeerClass, Sent} from './digest.js';
import {endOfLease, formName} from './forms.js';
import type {Peer} from './peer-index.js';

/** Why many pairs fail, or cannot be judged: one line for all that fail alike. */
export interface Reason {
  readonly direction: 'there' | 'back';
  readonly verdict: Fault['verdict'];
  readonly disposition: Fault['disposition'];
  /** Of the first pair. */
  readonly because: string;
  readonly pairs: number;
  readonly first: readonly {readonly from: string; readonly to: string}[];
  /** Where it ends: the first of these nodes, and how many there are. */
  readonly nodes: readonly string[];
  readonly nodeCount: number;
}

export type PairMark = 'reachable' | 'inferred' | 'broken' | 'unknown';

export interface Matrix {
  readonly family: Family;
  /** The ends of the pairs: nodes, each for all of its pods, or what was walked one by one. */
  readonly nodes: readonly string[];
  readonly ends: 'nodes' | 'pods' | 'pods and machines';
  readonly counts: {readonly [M in PairMark]: number};
  readonly reasons: readonly Reason[];
  /** Of a small cluster: row by row, who sends; null on the diagonal. */
  readonly marks: readonly (readonly (PairMark | null)[])[] | undefined;
}

/** Larger matrices are not shown pair by pair. */
export const SHOWN = 20;
export const NAMES = 10;

interface Tally {
  readonly direction: Reason['direction'];
  readonly fault: Fault;
  pairs: number;
  readonly first: {readonly from: string; readonly to: string}[];
  readonly nodes: Set<string>;
}

/**
 * Joins what each node sends with what the other takes, there and back. `names`: every node, also those without a digest; `cloud`: what is
 * said of the network between two of them, where packets cross one.
 */
export function allPairs(
  family: Family,
  names: readonly string[],
  peers: readonly Peer[],
  digests: ReadonlyMap<string, Digest | Fault>,
  cloud?: (from: Peer, to: Peer) => Fault | 'declared' | 'inferred',
): Matrix {
  const number = new Map(peers.map((p, i) => [p.node, i]));
  const likes = new Likes();
  const entries = names.map((node): Joined => {
    const at = number.get(node);
    const digest = digests.get(node) ?? unread(node);
    const read = 'verdict' in digest ? undefined : digest;
    const own = at === undefined ? undefined : peers[at]!;
    const regular = read?.wire === true && own !== undefined && [...read.tunnels].every(([form, end]) => end === endOfLease(form, own));
    // Without a lease there is no digest either.
    return {node, at: at ?? -1, digest, of: read?.of, likes: regular ? read.classes.map((c) => likes.of(c)) : undefined};
  });
  const byName = new Map(entries.map((e) => [e.node, e]));
  const counts = {reachable: 0, inferred: 0, broken: 0, unknown: 0};
  const marks: (PairMark | null)[][] | undefined = names.length <= SHOWN ? [] : undefined;
  const tallies = new Map<string, Tally>();
  const known = new Map<Fault, {there?: string; back?: string}>();
  const note = (fault: Fault, direction: Reason['direction'], from: string, to: string): void => {
    // Most faults are one object for many pairs: their key is made once.
    let keys = known.get(fault);
    if (!keys) {
      keys = {};
      known.set(fault, keys);
    }
    keys[direction] ??= `${direction} ${fault.verdict} ${fault.disposition} ${alike(fault.because, byName)}`;
    let tally = tallies.get(keys[direction]);
    if (!tally) {
      tally = {direction, fault, pairs: 0, first: [], nodes: new Set()};
      tallies.set(keys[direction], tally);
    }
    tally.pairs += 1;
    if (tally.first.length < NAMES) tally.first.push({from, to});
    tally.nodes.add(fault.node);
  };
  for (const a of entries) {
    const row: (PairMark | null)[] = [];
    for (const b of entries) {
      if (a === b) {
        row.push(null);
        continue;
      }
      const good = likes.known(a, b) ?? likes.keep(a, b, pair(a, b, peers, byName));
      const found = cloud && !('fault' in good) && good.fabric ? declaredPair(peers[a.at]!, peers[b.at]!, cloud) : good;
      const mark: PairMark = 'fault' in found ? found.fault.verdict : found.router ? 'inferred' : 'reachable';
      if ('fault' in found) note(found.fault, found.direction, a.node, b.node);
      counts[mark] += 1;
      row.push(mark);
    }
    marks?.push(row);
  }
  const reasons = [...tallies.values()]
    .map(({direction, fault, pairs, first, nodes}): Reason => {
      const {verdict, disposition, because} = fault;
      return {direction, verdict, disposition, because, pairs, first, nodes: [...nodes].slice(0, NAMES), nodeCount: nodes.size};
    })
    .toSorted((x, y) => Number(x.verdict === 'unknown') - Number(y.verdict === 'unknown') || y.pairs - x.pairs);
  return {family, nodes: names, ends: 'nodes', counts, reasons, marks};
}

const unread = (node: string): Fault => ({verdict: 'unknown', disposition: 'unknown', because: `${node} was not read`, node});

/** The sentence without the names and addresses in it. */
export const alike = (because: string, nodes: ReadonlyMap<string, unknown>): string =>
  because
    .split(/([\s,;:]+)/)
    .map((word) => (nodes.has(word) ? '<node>' : /\d[.:]|:[\da-f]/i.test(word) ? '<address>' : word))
    .join('');

/** A node as one end of pairs: its place in the list of peers, and its digest. */
export interface Entry {
  readonly node: string;
  readonly at: number | undefined;
  readonly digest: Digest | Fault;
}

interface Joined extends Entry {
  readonly at: number;
  readonly of: Uint32Array | undefined;
  /** The numbers of its classes in `Likes`; absent where its wire or its tunnel devices are not as its lease says. */
  readonly likes: readonly number[] | undefined;
}

/**
 * Classes of different nodes that say the same share a number, whatever the words of their faults. Good outcomes hang on the two numbers
 * alone, and are worked out once: in a cluster that is mostly healthy nearly all of a million pairs are one of these.
 */
class Likes {
  readonly #numbers = new Map<string, number>();
  readonly #good: (Pair | undefined)[][] = [];

  of({out, takes, answers}: PeerClass): number {
    const text = JSON.stringify([out, [...takes], [...answers]], (key, value: unknown) => (key === 'fault' ? true : value));
    let number = this.#numbers.get(text);
    if (number === undefined) {
      number = this.#numbers.size;
      this.#numbers.set(text, number);
      this.#good.push([]);
    }
    return number;
  }

  known(a: Joined, b: Joined): Pair | undefined {
    if (a.likes === undefined || b.likes === undefined) return undefined;
    return this.#good[a.likes[a.of![b.at]!]!]![b.likes[b.of![a.at]!]!];
  }

  keep(a: Joined, b: Joined, pair: Pair): Pair {
    if (a.likes !== undefined && b.likes !== undefined && !('fault' in pair)) {
      this.#good[a.likes[a.of![b.at]!]!]![b.likes[b.of![a.at]!]!] = pair;
    }
    return pair;
  }
}

export type Pair = {readonly fault: Fault; readonly direction: Reason['direction']} | {readonly router: boolean; readonly fabric?: true};

/** Both ways through a cloud's network, by what the cloud says. */
function declaredPair(a: Peer, b: Peer, cloud: (from: Peer, to: Peer) => Fault | 'declared' | 'inferred'): Pair {
  const [there, back] = [cloud(a, b), cloud(b, a)];
  if (typeof there !== 'string') return {fault: there, direction: 'there'};
  if (typeof back !== 'string') return {fault: back, direction: 'back'};
  return {router: there === 'inferred' || back === 'inferred'};
}

/** Does a packet of the first come to the second, and the answer back? `byName`: for ways that lead over a third node. */
export function pair(a: Entry, b: Entry, peers: readonly Peer[], byName: ReadonlyMap<string, Entry>): Pair {
  const [x, y] = [a.digest, b.digest];
  if ('verdict' in x) return {fault: x, direction: 'there'};
  if ('verdict' in y) return {fault: y, direction: 'there'};
  const [mine, theirs] = [x.classes[x.of[b.at!]!]!, y.classes[y.of[a.at!]!]!];
  const there = arrival(mine.out, x, y, peers[b.at!]!, byName);
  if (there) return {fault: there, direction: 'there'};
  const taken = theirs.takes.get(mine.out.form);
  const gone = theirs.answers.get('')?.fault;
  if (!taken || taken.fault) return {fault: taken?.fault ?? gone ?? nobody(b.node, mine.out.form), direction: 'there'};
  const told = taken.reply!;
  const reply = told.back !== undefined && mine.out.back !== undefined ? {...told, form: mine.out.back} : told;
  const back = arrival(reply, y, x, peers[a.at!]!, byName);
  if (back) return {fault: back, direction: 'back'};
  const answered = mine.answers.get(reply.form);
  if (!answered || answered.fault)
    return {fault: answered?.fault ?? mine.answers.get('')?.fault ?? nobody(a.node, reply.form), direction: 'back'};
  const fabric = mine.out.fabric || reply.fabric;
  return {router: mine.out.router || reply.router, ...(fabric && {fabric: true as const})};
}

/** Does what one node sends come to the other, and is it addressed to it there? */
function arrival(sent: Sent, from: Digest, to: Digest, peer: Peer, byName: ReadonlyMap<string, Entry>): Fault | undefined {
  if (sent.fault) return sent.fault;
  const meant = sent.meant ?? endOfLease(sent.form, peer);
  if (sent.to !== '=') {
    const other = byName.get(sent.to!)?.digest;
    const takes = other && !('verdict' in other) ? other.tunnels.get(sent.form) : undefined;
    if (sent.form !== 'direct' && takes !== meant && other && !('verdict' in other))
      return broken(
        wrongEnd(sent.form),
        `${from.node} sends it to ${sent.to}, whose tunnel device is ${takes ?? 'another'} and not ${meant}`,
        sent.to!,
      );
    return {verdict: 'unknown', disposition: 'unknown', because: `it goes by way of ${sent.to}, a third node`, node: from.node};
  }
  if (!to.wire) return broken('no-neighbour', `${to.node} does not answer on the wire for ${peer.public}`, to.node);
  if (sent.form === 'direct') return undefined;
  const takes = to.tunnels.get(sent.form);
  if (takes === undefined) return nobody(to.node, sent.form);
  if (takes !== meant) return broken(wrongEnd(sent.form), `it is for ${meant}, and the tunnel device of ${to.node} is ${takes}`, to.node);
  return undefined;
}

const broken = (disposition: Fault['disposition'], because: string, node: string): Fault => ({
  verdict: 'broken',
  disposition,
  because,
  node,
});

const wrongEnd = (form: string): Fault['disposition'] => (form.startsWith('wireguard ') ? 'wrong-key' : 'wrong-vtep');

const nobody = (node: string, form: string): Fault => {
  if (form === 'direct')
    return {verdict: 'unknown', disposition: 'unknown', because: `what ${node} does with packets outside of a tunnel is not known`, node};
  if (form.startsWith('esp ')) return broken('no-association', `${node} has no security association that takes it`, node);
  return broken('no-tunnel', `no device of ${node} that is up takes ${formName(form)}`, node);
};
