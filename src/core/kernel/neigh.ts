import type {Family, Ip, Mac} from '../net/address.js';
import {tryMac} from '../net/address.js';
import {type Draft, type JsonObject, originOf, type Place, type Reader, read, type Sink, Words, withExtra, wordsIn} from './reading.js';
import type {Sourced, Table} from './table.js';
import {ipIn} from './words.js';

/** A row of `ip neigh show`. */
export interface Neigh extends Sourced {
  readonly family: Family;
  readonly dst: Ip;
  readonly dev: string;
  /** Absent for INCOMPLETE and FAILED. */
  readonly lladdr?: Mac;
  /** `PERMANENT`, `REACHABLE`, `STALE`, `DELAY`, `PROBE`, `FAILED`, `INCOMPLETE`, `NOARP`. */
  readonly state: readonly string[];
  readonly router?: boolean;
  readonly proxy?: boolean;
  readonly extra?: {readonly [name: string]: unknown};
}

type Row = Draft<Neigh>;

const states: ReadonlySet<string> = new Set(['PERMANENT', 'REACHABLE', 'STALE', 'DELAY', 'PROBE', 'FAILED', 'INCOMPLETE', 'NOARP', 'NONE']);
/** Words without a value; the kernel's other flags are kept in `extra`. */
const marks: ReadonlySet<string> = new Set(['extern_learn', 'offload', 'managed', 'sticky', 'extern_valid']);

const noDevice = 'no device: put the command it came from on a line above, as "# ip neigh show dev flannel.1"';

/** Adds a row, its device completed from the command (`ip neigh show dev X` does not print it). */
function accept(row: Row, at: Place, sink: Sink<Neigh>): void {
  if (row.dev === '') row.dev = at.command.filters['dev'] ?? '';
  if (row.dev === '') sink.problem(noDevice, at);
  else sink.rows.push(row);
}

function start(address: unknown, at: Place): Row | undefined {
  const dst = ipIn(address);
  return dst === undefined ? undefined : {family: dst.includes(':') ? 6 : 4, dst, dev: '', state: [], origin: originOf(at)};
}

function readLine(line: string, at: Place): Row | string {
  const words = new Words(line);
  const first = words.next();
  const row = start(first, at);
  if (row === undefined) return `not a neighbour: ${JSON.stringify(first)} is no address`;
  const state: string[] = [];
  const extra: Record<string, unknown> = {};
  for (let word = words.next(); word !== undefined; word = words.next()) {
    if (states.has(word)) state.push(word);
    else if (word === 'router' || word === 'proxy') row[word] = true;
    else if (marks.has(word)) extra[word] = null;
    else if (word === 'lladdr') {
      const text = words.next() ?? '';
      const lladdr = tryMac(text);
      if (lladdr !== undefined) row.lladdr = lladdr;
      else extra['lladdr'] = text;
    } else if (word === 'used') {
      // `used 68/128/68probes 0` (iproute2 -s) or `used 0/0/0 probes 0` (busybox): times, different at every look.
      if (words.next()?.endsWith('probes')) words.next();
    } else if (word === 'probes' || word === 'ref') words.next();
    else if (word === 'dev') row.dev = words.next() ?? '';
    else extra[word === 'proto' ? 'protocol' : word] = words.next() ?? '';
  }
  row.state = state;
  return withExtra(row, extra);
}

function readElement(element: JsonObject, at: Place): Row | string {
  const row = start(element['dst'], at);
  if (row === undefined) return `not a neighbour: ${JSON.stringify(element['dst']) ?? 'nothing'} is no address`;
  const extra: Record<string, unknown> = {};
  for (const name in element) {
    const value = element[name];
    switch (name) {
      case 'dst':
      case 'used':
      case 'confirmed':
      case 'updated':
      case 'probes':
      case 'refcnt':
        break;
      case 'dev':
        if (typeof value === 'string') row.dev = value;
        break;
      case 'lladdr': {
        const lladdr = typeof value === 'string' ? tryMac(value) : undefined;
        if (lladdr !== undefined) row.lladdr = lladdr;
        else extra['lladdr'] = value;
        break;
      }
      case 'state':
        row.state = wordsIn(value);
        break;
      case 'router':
      case 'proxy':
        if (value !== false) row[name] = true;
        break;
      default:
        extra[name] = value;
    }
  }
  return withExtra(row, extra);
}

/**
 * `arp`, `arp -n`: `Address HWtype HWaddress Flags Mask Iface`; the flag C is complete, M permanent, P proxy. An incomplete entry has
 * `(incomplete)` for the two middle columns. ARP does not say how fresh a complete entry is: its state stays empty.
 */
function arpLine(line: string, at: Place): Row | string {
  const words = line.trim().split(/\s+/);
  const row = start(words[0], at);
  if (row === undefined) return `not a neighbour: ${JSON.stringify(words[0])} is no address`;
  row.dev = words.at(-1) ?? '';
  if (words[1] === '(incomplete)') return {...row, state: ['INCOMPLETE']};
  const lladdr = tryMac(words[2] ?? '');
  const flags = words[3] ?? '';
  if (flags.includes('P')) row.proxy = true;
  if (lladdr === undefined) return row.proxy ? row : 'no hardware address';
  return {...row, lladdr, state: flags.includes('M') ? ['PERMANENT'] : []};
}

/** `arp -an` and busybox's `arp`: `? (10.0.0.1) at 56:… [ether] PERM on eth0`. */
const bsdArp = /^\S+ \(([^)]+)\) at (\S+)\s.*?\bon (\S+)$/;

function bsdArpLine(line: string, at: Place): Row | string | undefined {
  const [, address, hardware = '', dev = ''] = bsdArp.exec(line.trim()) ?? [];
  if (address === undefined) return undefined;
  const row = start(address, at);
  if (row === undefined) return `not a neighbour: ${JSON.stringify(address)} is no address`;
  row.dev = dev;
  if (/\sPUP\s/.test(line)) return {...row, proxy: true};
  const lladdr = tryMac(hardware);
  if (lladdr === undefined) return {...row, state: ['INCOMPLETE']};
  return {...row, lladdr, state: /\sPERM\s/.test(line) ? ['PERMANENT'] : []};
}

const reader: Reader<Neigh> = {
  objects: ['neigh', 'arp'],
  element(element, at, sink) {
    const row = readElement(element, at);
    if (typeof row === 'string') sink.problem(row, at);
    else accept(row, at, sink);
  },
  lines(sink) {
    let columns = false;
    return (line, at) => {
      if (/^Address\s+HWtype\s+HWaddress/.test(line)) {
        columns = true;
        return;
      }
      const row = columns ? arpLine(line, at) : (bsdArpLine(line, at) ?? readLine(line, at));
      if (typeof row === 'string') sink.problem(row, at);
      else accept(row, at, sink);
    };
  },
};

/** Neighbours of both families: `ip neigh`, or `arp`. */
export const neigh: Table<Neigh> = {
  name: 'neigh',
  supply: [
    {family: 4, sections: ['ip-neigh']},
    {family: 6, sections: ['ip-6-neigh']},
  ],
  parse: (output, context) => read(output, context, reader),
  // Proxy entries are a table of their own in the kernel.
  key: (row) => `${row.dev} ${row.dst}${row.proxy ? ' proxy' : ''}`,
  show(row) {
    let text = `${row.dst} dev ${row.dev}`;
    if (row.lladdr !== undefined) text += ` lladdr ${row.lladdr}`;
    if (row.router) text += ' router';
    if (row.proxy) text += ' proxy';
    return row.state.length === 0 ? text : `${text} ${row.state.join(' ')}`;
  },
};

/** A neighbour after `ip neigh add|replace`: the state is a `nud` there, and a proxy entry has no address. */
export function neighCommandArgs(row: Neigh): string {
  if (row.proxy) return `proxy ${row.dst} dev ${row.dev}${row.router ? ' router' : ''}`;
  const lladdr = row.lladdr === undefined ? '' : ` lladdr ${row.lladdr}`;
  const nud = row.state[0] === undefined ? '' : ` nud ${row.state[0].toLowerCase()}`;
  return `${row.dst}${lladdr} dev ${row.dev}${nud}${row.router ? ' router' : ''}`;
}
