import type {Ip, Mac} from '../net/address.js';
import {tryMac} from '../net/address.js';
import {
  type Draft,
  type JsonObject,
  numberIn,
  originOf,
  type Place,
  type Reader,
  read,
  type Sink,
  Words,
  withExtra,
  wordIn,
  wordsIn,
} from './reading.js';
import type {Sourced, Table} from './table.js';
import {ipIn} from './words.js';

/** A row of `bridge fdb show`: where frames for `mac` leave `dev`. */
export interface Fdb extends Sourced {
  readonly mac: Mac;
  /** `ifname` of bridge -j (`dev` before iproute2 5.0). */
  readonly dev: string;
  /** The remote tunnel end, on VXLAN devices. */
  readonly dst?: Ip;
  readonly master?: string;
  readonly vlan?: number;
  readonly vni?: number;
  readonly port?: number;
  readonly via?: string;
  /** `self`, `master`, `extern_learn`, `offload`, `router`, `sticky`. */
  readonly flags: readonly string[];
  /** `permanent`, `static`, `stale`, or empty for a dynamic entry. */
  readonly state: string;
  readonly extra?: {readonly [name: string]: unknown};
}

type Row = Draft<Fdb>;

const flagWords: ReadonlySet<string> = new Set([
  'self',
  'router',
  'extern_learn',
  'offload',
  'sticky',
  'locked',
  'activity_notify',
  'norefresh',
  'added_by_ext_learn',
]);
const stateWords: ReadonlySet<string> = new Set(['permanent', 'static', 'stale', 'noarp']);

function accept(row: Row, at: Place, sink: Sink<Fdb>): void {
  // `bridge fdb show dev X` and `… brport X` do not print X.
  if (row.dev === '') row.dev = at.command.filters['dev'] ?? at.command.filters['brport'] ?? '';
  if (row.dev === '') sink.problem('no device: put the command it came from on a line above, as "# bridge fdb show dev flannel.1"', at);
  else sink.rows.push(row);
}

function start(text: unknown, at: Place): Row | undefined {
  const mac = typeof text === 'string' ? tryMac(text) : undefined;
  return mac === undefined ? undefined : {mac, dev: '', flags: [], state: '', origin: originOf(at)};
}

function readLine(line: string, at: Place): Row | string {
  const words = new Words(line);
  const first = words.next();
  const row = start(first, at);
  if (row === undefined) return `not a forwarding entry: ${JSON.stringify(first)} is no hardware address`;
  const flags: string[] = [];
  const extra: Record<string, unknown> = {};
  for (let word = words.next(); word !== undefined; word = words.next()) {
    if (flagWords.has(word)) flags.push(word);
    else if (stateWords.has(word)) row.state = word;
    else if (word === 'dev') row.dev = words.next() ?? '';
    else if (word === 'dst') {
      const text = words.next();
      const dst = ipIn(text);
      if (dst === undefined) return `no address after "dst"`;
      row.dst = dst;
    } else if (word === 'vlan' || word === 'vni' || word === 'port') {
      const number = numberIn(words.next());
      if (number === undefined) return `no number after "${word}"`;
      row[word] = number;
    } else if (word === 'via') row.via = words.next() ?? '';
    else if (word === 'used') words.next();
    else if (word === 'master') {
      // As a flag `master` stands alone; with a bridge it names it.
      const next = words.peek();
      if (next === undefined || stateWords.has(next) || flagWords.has(next) || next === 'master') flags.push('master');
      else row.master = words.next() as string;
    } else {
      // iproute2 4.17 and 4.18 forget the word `dst`.
      const dst = ipIn(word);
      if (dst !== undefined) row.dst = dst;
      else if (word === 'src_vni' || word === 'nhid') extra[word] = numberIn(words.next());
      else extra[word] = words.next() ?? '';
    }
  }
  row.flags = flags;
  return withExtra(row, extra);
}

function readElement(element: JsonObject, at: Place): Row | string {
  const row = start(element['mac'], at);
  if (row === undefined) return `not a forwarding entry: ${JSON.stringify(element['mac']) ?? 'nothing'} is no hardware address`;
  const extra: Record<string, unknown> = {};
  for (const name in element) {
    const value = element[name];
    switch (name) {
      case 'mac':
      case 'used':
      case 'updated':
        break;
      case 'ifname':
      case 'dev':
        if (typeof value === 'string') row.dev = value;
        break;
      case 'dst': {
        const dst = ipIn(value);
        if (dst === undefined) return 'no address in "dst"';
        row.dst = dst;
        break;
      }
      case 'vlan':
      case 'vni':
      case 'port': {
        const number = numberIn(value);
        if (number === undefined) return `no number in "${name}"`;
        row[name] = number;
        break;
      }
      case 'viaIf':
      case 'viaIfIndex':
        row.via = wordIn(value) ?? '';
        break;
      case 'master':
        if (typeof value === 'string') row.master = value;
        break;
      case 'flags':
        row.flags = wordsIn(value);
        break;
      case 'state':
        row.state = wordIn(value) ?? '';
        break;
      default:
        extra[name] = value;
    }
  }
  return withExtra(row, extra);
}

const reader: Reader<Fdb> = {
  objects: ['fdb'],
  element(element, at, sink) {
    const row = readElement(element, at);
    if (typeof row === 'string') sink.problem(row, at);
    else accept(row, at, sink);
  },
  lines: (sink) => (line, at) => {
    const row = readLine(line, at);
    if (typeof row === 'string') sink.problem(row, at);
    else accept(row, at, sink);
  },
};

/** The bridge's or the device's own: one address may be in both. */
const ownerOf = (row: Fdb): string => (row.master === undefined && !row.flags.includes('master') ? 'self' : 'master');

/** The forwarding tables of bridges and VXLAN devices: `bridge fdb`. */
export const fdb: Table<Fdb> = {
  name: 'fdb',
  supply: [{sections: ['bridge-fdb']}],
  parse: (output, context) => read(output, context, reader),
  // Without `dst`: another remote for the same address is the same entry gone wrong.
  key: (row) => `${row.dev} ${row.mac} ${row.vlan ?? ''} ${ownerOf(row)}`,
  show(row) {
    let text = `${row.mac} dev ${row.dev}`;
    if (row.dst !== undefined) text += ` dst ${row.dst}`;
    if (row.vlan !== undefined) text += ` vlan ${row.vlan}`;
    if (row.port !== undefined) text += ` port ${row.port}`;
    if (row.vni !== undefined) text += ` vni ${row.vni}`;
    if (row.extra?.['src_vni'] !== undefined) text += ` src_vni ${String(row.extra['src_vni'])}`;
    if (row.via !== undefined) text += ` via ${row.via}`;
    for (const flag of row.flags) text += ` ${flag}`;
    if (row.master !== undefined) text += ` master ${row.master}`;
    return row.state === '' ? text : `${text} ${row.state}`;
  },
};

/** A forwarding entry after `bridge fdb add|append|replace`: `master` is a bare word there, and an entry without a state is `dynamic`. */
export const fdbCommandArgs = (row: Fdb): string =>
  fdb
    .show({
      ...row,
      flags: ownerOf(row) === 'self' ? row.flags : [...row.flags.filter((flag) => flag !== 'master'), 'master'],
      state: row.state || 'dynamic',
    })
    .replace(row.master === undefined ? '' : ` master ${row.master}`, '');
