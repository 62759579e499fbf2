import type {Family} from '../net/address.js';
import {type Draft, numberIn, originOf, type Place, type Sink, Words, withExtra} from './reading.js';
import type {Nexthop, Route} from './route.js';
import {flagWords, metricIn, metricWords, routeTypes} from './route-words.js';
import {ipIn, prefixIn, tableIn} from './words.js';

type Hop = Omit<Draft<Nexthop>, 'flags'> & {flags: string[]};
type Row = Omit<Draft<Route>, 'flags' | 'nexthops'> & {flags: string[]; nexthops?: Hop[]};
type Extra = Record<string, unknown>;

/** Reads the lines of `ip route`, with `-d` or without, iproute2's or busybox's; `nexthop` lines go on with the route before them. */
export function routeLines(accept: (row: Draft<Route>, at: Place) => void, sink: Sink<Route>): (line: string, at: Place) => void {
  let last: Row | undefined;
  return (line, at) => {
    const words = new Words(line);
    const first = words.peek();
    // The details of a nexthop object and of a cached route only repeat or time what the row says.
    if (first === 'nh_info' || first === 'cache') return;
    if (first === 'nexthop') {
      const why = last === undefined ? 'a nexthop line without a route above it' : readHops(last, words);
      if (why !== undefined) sink.problem(why, at);
      return;
    }
    const row = readRoute(words, at);
    last = typeof row === 'string' ? undefined : row;
    if (typeof row === 'string') sink.problem(row, at);
    else accept(row, at);
  };
}

function readRoute(words: Words, at: Place): Row | string {
  const head = words.peek() ?? '';
  const typed = routeTypes.has(head);
  if (typed) words.next();
  const dst = words.next() ?? '';
  const extra: Extra = {};
  const row: Row = {family: 4, table: '', type: typed ? head : 'unicast', dst: '', metric: 0, flags: [], origin: originOf(at)};
  const why = readAttributes(row, words, extra);
  if (why !== undefined) return why;
  row.family = dst.includes(':') ? 6 : dst === 'default' ? familyBeside(row, extra, at) : 4;
  const prefix = prefixIn(dst, row.family);
  if (prefix === undefined) return `not a route: ${JSON.stringify(dst)} is no destination`;
  row.dst = prefix;
  delete extra['via_family'];
  return withExtra(row, extra);
}

function familyBeside(row: Row, extra: Extra, at: Place): Family {
  if (at.command.family !== undefined) return at.command.family;
  if (row.pref !== undefined) return 6;
  if (extra['via_family'] === 'inet6') return 4;
  return (row.gateway ?? row.prefsrc ?? row.from ?? row.nexthops?.[0]?.gateway)?.includes(':') ? 6 : 4;
}

function readAttributes(row: Row, words: Words, extra: Extra): string | undefined {
  for (let word = words.next(); word !== undefined; word = words.next()) {
    let why: string | undefined;
    if (flagWords.has(word)) row.flags.push(word);
    else if (metricWords.has(word)) readMetric(row, word, words, extra);
    else if (word === 'via') why = readVia(row, words, extra);
    else if (word === 'encap') extra['encap'] = readEncap(words);
    else if (word === 'nexthop') why = readHops(row, words, word);
    else why = readAttribute(row, word, words.next(), extra);
    if (why !== undefined) return why;
  }
  return undefined;
}

/** A word at the end of a line that a web page cut off (`… src 10.4.7.21 metric /`) is kept in `extra`, with nothing. */
function readAttribute(row: Row, word: string, value: string | undefined, extra: Extra): string | undefined {
  if (value === undefined) {
    extra[word] = '';
    return undefined;
  }
  switch (word) {
    case 'dev':
      row.dev = value;
      return undefined;
    case 'table':
      row.table = tableIn(value);
      return undefined;
    case 'proto':
      row.protocol = value;
      return undefined;
    case 'scope':
      row.scope = value;
      return undefined;
    case 'pref':
      row.pref = value;
      return undefined;
    case 'tos':
      row.tos = value;
      return undefined;
    case 'src':
      return put(row, 'prefsrc', ipIn(value), word);
    case 'from':
      return put(row, 'from', prefixIn(value, value.includes(':') ? 6 : 4), word);
    case 'metric':
    case 'nhid':
      return put(row, word, numberIn(value), word);
    default:
      extra[word === 'realms' ? 'realm' : word] = value;
      return undefined;
  }
}

/** Sets what could be read; otherwise says after which word nothing usable stands. */
function put<Name extends keyof Row>(row: Row, name: Name, value: Row[Name] | undefined, word: string): string | undefined {
  if (value === undefined) return `nothing usable after "${word}"`;
  row[name] = value;
  return undefined;
}

function readVia(hop: {gateway?: string}, words: Words, extra?: Extra): string | undefined {
  let word = words.next();
  if (word === 'inet6' || word === 'inet') {
    if (extra) extra['via_family'] = word;
    word = words.next();
  }
  const gateway = ipIn(word);
  if (gateway === undefined) return 'no address after "via"';
  hop.gateway = gateway;
  return undefined;
}

function readMetric(row: Row, word: string, words: Words, extra: Extra): void {
  const locked = words.peek() === 'lock';
  if (locked) words.next();
  const text = words.next() ?? '';
  const value = metricIn(text);
  if (value === undefined) {
    extra[word] = text;
    return;
  }
  row.metrics = {...row.metrics, [word]: value};
  if (locked) row.locked = [...(row.locked ?? []), word];
}

/** `ip id 5 src 0.0.0.0 dst 192.168.77.3 ttl 0 tos 0`: up to the word that goes on with the route itself. */
function readEncap(words: Words): string {
  const taken: string[] = [];
  for (let word = words.peek(); word !== undefined && word !== 'via' && word !== 'dev' && word !== 'table'; word = words.peek())
    taken.push(words.next() ?? '');
  return taken.join(' ');
}

/** One or more hops on a line: `nexthop via 10.0.0.1 dev eth0 weight 2 onlink nexthop …`. */
function readHops(row: Row, words: Words, taken?: string): string | undefined {
  let hop: Hop | undefined;
  for (let word = taken ?? words.next(); word !== undefined; word = words.next()) {
    if (word === 'nexthop' || hop === undefined) {
      hop = {flags: []};
      row.nexthops = [...(row.nexthops ?? []), hop];
    } else if (word === 'via') {
      const why = readVia(hop, words);
      if (why !== undefined) return why;
    } else if (word === 'dev') {
      const dev = words.next();
      if (dev !== undefined) hop.dev = dev;
    } else if (word === 'weight') {
      const weight = numberIn(words.next());
      if (weight !== undefined) hop.weight = weight;
    } else if (word === 'encap') readEncap(words);
    else if (word === 'realm' || word === 'realms') words.next();
    else hop.flags.push(word);
  }
  return undefined;
}
