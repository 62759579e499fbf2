import type {Family, Ip} from '../net/address.js';
import {
  type Draft,
  isObject,
  type JsonObject,
  numberIn,
  originOf,
  type Place,
  type Reader,
  read,
  type Sink,
  Words,
  wordIn,
} from './reading.js';
import type {Sourced, Table} from './table.js';
import {ipIn} from './words.js';

/** One address of one device, from `ip addr show`. */
export interface Address extends Sourced {
  readonly family: Family;
  readonly dev: string;
  readonly local: Ip;
  readonly prefixlen: number;
  readonly scope: string;
  readonly broadcast?: Ip;
  /** The far end of a point-to-point address. */
  readonly peer?: Ip;
  /** `dynamic`, `noprefixroute`, `deprecated`, `tentative`, `dadfailed`, `secondary`, `temporary`, … */
  readonly flags: readonly string[];
  readonly label?: string;
  /** Seconds; absent or 4294967295 means for ever. */
  readonly valid_life_time?: number;
  readonly preferred_life_time?: number;
}

type Row = Draft<Address>;

const flagWords: ReadonlySet<string> = new Set([
  'dynamic',
  'noprefixroute',
  'deprecated',
  'tentative',
  'dadfailed',
  'secondary',
  'temporary',
  'nodad',
  'optimistic',
  'home',
  'mngtmpaddr',
  'stable-privacy',
  'autojoin',
  'permanent',
  'mcautojoin',
  'flags',
]);

/** IPv6 has no labels: the last word of a line is one only for IPv4. */
function readAddress(words: Words, family: Family, dev: string, at: Place): Row | string {
  const [text = '', bits] = (words.next() ?? '').split('/');
  const local = ipIn(text);
  if (local === undefined || (local.includes(':') ? 6 : 4) !== family) return `not an address: ${JSON.stringify(text)}`;
  const flags: string[] = [];
  const row: Row = {
    family,
    dev,
    local,
    prefixlen: numberIn(bits) ?? (family === 4 ? 32 : 128),
    scope: 'global',
    flags,
    origin: originOf(at),
  };
  for (let word = words.next(); word !== undefined; word = words.next()) {
    if (word === 'brd' || word === 'any') {
      const address = ipIn(words.next());
      if (word === 'brd' && address !== undefined) row.broadcast = address;
    } else if (word === 'peer') {
      const [peerText, peerBits] = (words.next() ?? '').split('/');
      const peer = ipIn(peerText);
      if (peer === undefined) return 'no address after "peer"';
      row.peer = peer;
      row.prefixlen = numberIn(peerBits) ?? row.prefixlen;
    } else if (word === 'scope') row.scope = words.next() ?? 'global';
    else if (word === 'metric' || word === 'proto') words.next();
    // busybox prints bits it has no name for: `flags 02`.
    else if (word === 'flags') words.next();
    else if (flagWords.has(word)) flags.push(word);
    else if (family === 4) row.label = word;
    else flags.push(word);
  }
  flags.sort();
  return row;
}

/** `forever`, `1000sec`. */
const seconds = (text: string | undefined): number | undefined => (text === 'forever' ? 4294967295 : numberIn(text?.replace(/sec$/, '')));

function addressLines(sink: Sink<Address>): (line: string, at: Place) => void {
  let dev: string | undefined;
  let last: Row | undefined;
  return (line, at) => {
    const [, name, oneLine] = /^\d+:\s+([^\s:@]+)(?:@[^\s:]+)?(?::\s|\s+(inet6?)\s)/.exec(line) ?? [];
    if (name !== undefined) dev = name;
    if (name !== undefined && oneLine === undefined) {
      last = undefined;
      return;
    }
    const words = new Words(oneLine === undefined ? line : line.slice(line.indexOf(oneLine)));
    const first = words.next();
    if (first === 'inet' || first === 'inet6') {
      last = undefined;
      if (dev === undefined) return sink.problem('an address without a device above it', at);
      const row = readAddress(words, first === 'inet' ? 4 : 6, dev, at);
      if (typeof row === 'string') return sink.problem(row, at);
      sink.rows.push(row);
      last = row;
    } else if (first === 'valid_lft' && last !== undefined) {
      const valid = words.next();
      words.next();
      setLifetimes(last, valid, words.next());
    } else if (!/^\s/.test(line)) {
      dev = undefined;
      sink.problem('not a line of "ip addr"', at);
    }
  };
}

function setLifetimes(row: Row, valid: unknown, preferred: unknown): void {
  const [a, b] = [seconds(wordIn(valid)), seconds(wordIn(preferred))];
  if (a !== undefined) row.valid_life_time = a;
  if (b !== undefined) row.preferred_life_time = b;
}

/** One device of `ip -j addr`; its addresses are in `addr_info`. */
function readElement(element: JsonObject, at: Place, sink: Sink<Address>): void {
  const dev = element['ifname'];
  const infos = element['addr_info'];
  if (typeof dev !== 'string') {
    sink.problem('not a device: no ifname', at);
    return;
  }
  for (const info of Array.isArray(infos) ? infos : []) {
    const place: Place = {...at, raw: info};
    const row = isObject(info) && !isEmpty(info) ? readInfo(info, dev, place) : undefined;
    if (typeof row === 'string') sink.problem(row, place);
    else if (row !== undefined) sink.rows.push(row);
  }
}

const isEmpty = (info: JsonObject): boolean => Object.keys(info).length === 0;

function readInfo(info: JsonObject, dev: string, at: Place): Row | string {
  const family: Family = info['family'] === 'inet6' ? 6 : 4;
  const local = ipIn(info['local']);
  if (local === undefined || (local.includes(':') ? 6 : 4) !== family)
    return `not an address: ${JSON.stringify(info['local']) ?? 'nothing'}`;
  const flags = Object.keys(info).filter((name) => info[name] === true);
  const row: Row = {
    family,
    dev,
    local,
    prefixlen: numberIn(info['prefixlen']) ?? (family === 4 ? 32 : 128),
    scope: wordIn(info['scope']) ?? 'global',
    flags: flags.sort(),
    origin: originOf(at),
  };
  const broadcast = ipIn(info['broadcast']);
  if (broadcast !== undefined) row.broadcast = broadcast;
  const peer = ipIn(info['address']);
  if (peer !== undefined) row.peer = peer;
  if (typeof info['label'] === 'string') row.label = info['label'];
  setLifetimes(row, info['valid_life_time'], info['preferred_life_time']);
  return row;
}

const reader: Reader<Address> = {objects: ['addr'], element: readElement, lines: addressLines};

/** The addresses of all devices: `ip addr`. */
export const address: Table<Address> = {
  name: 'address',
  supply: [{sections: ['ip-addr']}],
  parse: (output, context) => read(output, context, reader),
  key: (row) => `${row.dev} ${row.local}/${row.prefixlen}`,
  show(row) {
    const local = row.peer === undefined ? `${row.local}/${row.prefixlen}` : `${row.local} peer ${row.peer}/${row.prefixlen}`;
    return `${local} dev ${row.dev}${row.broadcast === undefined ? '' : ` brd ${row.broadcast}`}${row.scope === 'global' ? '' : ` scope ${row.scope}`}`;
  },
};
