import type {Ip} from '../net/address.js';
import {
  type Draft,
  isObject,
  type JsonObject,
  numberIn,
  oneByOne,
  originOf,
  type Place,
  read,
  Words,
  withExtra,
  wordsIn,
} from './reading.js';
import type {Sourced, Table} from './table.js';
import {ipIn} from './words.js';

/** A row of `ip nexthop show`: what a route's `nhid` means. */
export interface NexthopObject extends Sourced {
  readonly id: number;
  readonly gateway?: Ip;
  readonly dev?: string;
  readonly blackhole?: boolean;
  readonly group?: readonly {readonly id: number; readonly weight: number}[];
  readonly flags: readonly string[];
  readonly extra?: {readonly [name: string]: unknown};
}

type Row = Draft<NexthopObject>;

const flagWords: ReadonlySet<string> = new Set(['onlink', 'linkdown', 'dead', 'offload', 'trap', 'rt_offload', 'rt_trap', 'unresolved']);

function readLine(line: string, at: Place): Row | string {
  const words = new Words(line);
  const id = words.next() === 'id' ? numberIn(words.next()) : undefined;
  if (id === undefined) return 'not a nexthop: a line starts with "id" and a number';
  const flags: string[] = [];
  const extra: Record<string, unknown> = {};
  const row: Row = {id, flags, origin: originOf(at)};
  for (let word = words.next(); word !== undefined; word = words.next()) {
    if (flagWords.has(word)) flags.push(word);
    else if (word === 'blackhole') row.blackhole = true;
    else if (word === 'fdb') extra['fdb'] = null;
    else {
      const value = words.next() ?? '';
      if (word === 'via') {
        const gateway = ipIn(value);
        if (gateway === undefined) return 'no address after "via"';
        row.gateway = gateway;
      } else if (word === 'dev') row.dev = value;
      else if (word === 'group') row.group = value.split('/').map(memberOf);
      else extra[word] = value;
    }
  }
  return withExtra(row, extra);
}

/** `6,3` is member 6 with weight 3; the weight 1 is not printed. */
function memberOf(text: string): {id: number; weight: number} {
  const [id, weight] = text.split(',');
  return {id: numberIn(id) ?? 0, weight: numberIn(weight) ?? 1};
}

function readElement(element: JsonObject, at: Place): Row | string {
  const id = numberIn(element['id']);
  if (id === undefined) return 'not a nexthop: no id';
  const row: Row = {id, flags: wordsIn(element['flags']), origin: originOf(at)};
  const extra: Record<string, unknown> = {};
  for (const name in element) {
    const value = element[name];
    if (name === 'id' || name === 'flags') continue;
    if (name === 'gateway') {
      const gateway = ipIn(value);
      if (gateway === undefined) return 'no address in "gateway"';
      row.gateway = gateway;
    } else if (name === 'dev' && typeof value === 'string') row.dev = value;
    else if (name === 'blackhole') row.blackhole = true;
    else if (name === 'group' && Array.isArray(value)) {
      row.group = value.filter(isObject).map((member) => ({id: numberIn(member['id']) ?? 0, weight: numberIn(member['weight']) ?? 1}));
    } else extra[name] = value;
  }
  return withExtra(row, extra);
}

const reader = oneByOne<NexthopObject>(['nexthop'], readElement, readLine);

/** Nexthop objects: `ip nexthop`. */
export const nexthop: Table<NexthopObject> = {
  name: 'nexthop',
  supply: [{sections: ['ip-nexthop']}],
  parse: (output, context) => read(output, context, reader),
  key: (row) => String(row.id),
  show(row) {
    let text = `id ${row.id}`;
    if (row.group !== undefined)
      text += ` group ${row.group.map(({id, weight}) => (weight === 1 ? String(id) : `${id},${weight}`)).join('/')}`;
    if (row.gateway !== undefined) text += ` via ${row.gateway}`;
    if (row.dev !== undefined) text += ` dev ${row.dev}`;
    if (row.blackhole) text += ' blackhole';
    return row.flags.includes('onlink') ? `${text} onlink` : text;
  },
};
