// Over 250 lines: both readers are one word per `case`, and stand beside each other so that a word added to one is seen missing in the other.
import type {Family, Prefix} from '../net/address.js';
import {type Draft, type JsonObject, numberIn, oneByOne, originOf, type Place, read, Words, withExtra, wordIn} from './reading.js';
import type {Sourced, Table} from './table.js';
import {prefixIn, shownPrefix, tableIn} from './words.js';

/** A row of `ip rule show`: a selector and what to do when it matches. */
export interface Rule extends Sourced {
  readonly family: Family;
  readonly priority: number;
  readonly not?: boolean;
  /** Absent means `all`. */
  readonly src?: Prefix;
  readonly dst?: Prefix;
  readonly iif?: string;
  readonly oif?: string;
  readonly detached?: boolean;
  readonly fwmark?: number;
  /** 0xffffffff when not printed. */
  readonly fwmask?: number;
  readonly tos?: string;
  readonly ipproto?: string;
  readonly sport?: string;
  readonly dport?: string;
  readonly uidrange?: string;
  /** `lookup` (the default), `goto`, `blackhole`, `prohibit`, `unreachable`, `nop`. */
  readonly action: string;
  readonly table?: string;
  readonly goto?: number;
  readonly suppress_prefixlength?: number;
  readonly suppress_ifgroup?: string;
  readonly l3mdev?: boolean;
  readonly protocol?: string;
  readonly extra?: {readonly [name: string]: unknown};
}

type Row = Draft<Rule>;
type Extra = Record<string, unknown>;

/** Actions that stand alone; busybox prints the kernel's number of `goto` and `nop` by the names that route types have. */
const actions: {readonly [word: string]: string} = {
  blackhole: 'blackhole',
  prohibit: 'prohibit',
  unreachable: 'unreachable',
  nop: 'nop',
  local: 'goto',
  broadcast: 'nop',
};

const fresh = (priority: number, at: Place): Row => ({family: at.command.family ?? 4, priority, action: 'lookup', origin: originOf(at)});

function setMark(row: Row, text: string, mask?: string): string | undefined {
  const [mark, slashed] = text.split('/');
  const fwmark = numberIn(mark);
  const fwmask = numberIn(mask ?? slashed);
  if (fwmark === undefined || (fwmask === undefined && (mask ?? slashed) !== undefined)) return 'no number in the fwmark';
  row.fwmark = fwmark;
  if (fwmask !== undefined && fwmask !== 0xffffffff) row.fwmask = fwmask;
  return undefined;
}

/** `from` and `to`: `all` is no condition; the family of the rule shows in the address. */
function setPrefix(row: Row, side: 'src' | 'dst', text: string): string | undefined {
  if (text === 'all') return undefined;
  const family = text.includes(':') ? 6 : text === 'default' ? row.family : 4;
  const prefix = prefixIn(text, family);
  if (prefix === undefined) return `${JSON.stringify(text)} is no prefix`;
  row[side] = prefix;
  row.family = family;
  return undefined;
}

function setTable(row: Row, name: string): void {
  if (name === '[l3mdev-table]') row.l3mdev = true;
  else if (name !== 'unspec') row.table = tableIn(name);
}

function readLine(line: string, at: Place): Row | string {
  const [, priority, rest] = /^\s*(\d+):\s*(.*)$/.exec(line) ?? [];
  if (priority === undefined || rest === undefined) return 'not a rule: a line starts with its priority and a colon';
  const row = fresh(Number(priority), at);
  const extra: Extra = {};
  const words = new Words(rest);
  for (let word = words.next(); word; word = words.next()) {
    const why = readWord(row, word, words, extra);
    if (why !== undefined) return why;
  }
  return withExtra(row, extra);
}

function readWord(row: Row, word: string, words: Words, extra: Extra): string | undefined {
  const alone = actions[word];
  if (alone !== undefined) {
    row.action = alone;
    return undefined;
  }
  switch (word) {
    case 'not':
      row.not = true;
      return undefined;
    case '[detached]':
      row.detached = true;
      return undefined;
    case '[unresolved]':
      extra['unresolved'] = null;
      return undefined;
    case 'l3mdev':
      row.l3mdev = true;
      return undefined;
  }
  const value = words.next();
  if (value === undefined) return `nothing after ${JSON.stringify(word)}`;
  switch (word) {
    case 'from':
      return setPrefix(row, 'src', value);
    case 'to':
      return setPrefix(row, 'dst', value);
    case 'fwmark':
      return setMark(row, value);
    case 'lookup':
    case 'table':
      setTable(row, value);
      return undefined;
    case 'goto': {
      const target = numberIn(value);
      if (target === undefined) return 'no priority after "goto"';
      row.action = 'goto';
      row.goto = target;
      return undefined;
    }
    case 'suppress_prefixlength': {
      const length = numberIn(value);
      if (length === undefined) return 'no length after "suppress_prefixlength"';
      row.suppress_prefixlength = length;
      return undefined;
    }
    case 'proto':
      row.protocol = value;
      return undefined;
    case 'iif':
    case 'oif':
    case 'tos':
    case 'ipproto':
    case 'sport':
    case 'dport':
    case 'uidrange':
    case 'suppress_ifgroup':
      row[word] = value;
      return undefined;
    default:
      extra[word] = value;
      return undefined;
  }
}

function range(first: unknown, last: unknown): string | undefined {
  const [a, b] = [wordIn(first), wordIn(last)];
  return a === undefined ? undefined : b === undefined ? a : `${a}-${b}`;
}

function readElement(element: JsonObject, at: Place): Row | string {
  const priority = numberIn(element['priority']);
  if (priority === undefined) return 'not a rule: no priority';
  const row = fresh(priority, at);
  const extra: Extra = {};
  for (const name in element) {
    const value = element[name];
    const word = wordIn(value);
    let why: string | undefined;
    switch (name) {
      case 'priority':
      case 'srclen':
      case 'dstlen':
      case 'fwmask':
      case 'flow_to':
      case 'sport_end':
      case 'dport_end':
      case 'uid_end':
        break;
      case 'src':
      case 'dst': {
        const length = wordIn(element[`${name}len`]);
        why = word === undefined ? `no prefix in "${name}"` : setPrefix(row, name, length === undefined ? word : `${word}/${length}`);
        break;
      }
      case 'not':
      case 'l3mdev':
        row[name] = true;
        break;
      case 'iif_detached':
      case 'oif_detached':
        row.detached = true;
        break;
      case 'fwmark':
        why = word === undefined ? 'no number in the fwmark' : setMark(row, word, wordIn(element['fwmask']));
        break;
      case 'table':
        if (word !== undefined) setTable(row, word);
        break;
      case 'goto': {
        const target = numberIn(value);
        row.action = 'goto';
        if (target !== undefined) row.goto = target;
        break;
      }
      case 'nop':
        row.action = 'nop';
        break;
      case 'action':
        row.action = word === undefined ? 'lookup' : (actions[word] ?? word);
        break;
      case 'suppress_prefixlen':
      case 'suppress_prefixlength': {
        const length = numberIn(value);
        if (length !== undefined) row.suppress_prefixlength = length;
        break;
      }
      case 'sport':
      case 'dport':
      case 'iif':
      case 'oif':
      case 'tos':
      case 'ipproto':
      case 'suppress_ifgroup':
      case 'protocol':
        if (word !== undefined) row[name] = word;
        break;
      case 'sport_start':
        row.sport = range(value, element['sport_end']) ?? '';
        break;
      case 'dport_start':
        row.dport = range(value, element['dport_end']) ?? '';
        break;
      case 'uid_start':
        row.uidrange = range(value, element['uid_end']) ?? '';
        break;
      case 'flow_from':
        extra['realms'] = [value, element['flow_to']].join('/');
        break;
      default:
        extra[name] = value;
    }
    if (why !== undefined) return why;
  }
  return withExtra(row, extra);
}

const reader = oneByOne<Rule>(['rule'], readElement, readLine);

const hex = (mark: number): string => `0x${mark.toString(16)}`;

/** The selector and action, in the order that `ip rule` prints. */
function selector(row: Rule): string {
  let text = row.not ? 'not from' : 'from';
  text += ` ${row.src === undefined ? 'all' : shownRulePrefix(row.src)}`;
  if (row.dst !== undefined) text += ` to ${shownRulePrefix(row.dst)}`;
  if (row.tos !== undefined) text += ` tos ${row.tos}`;
  if (row.fwmark !== undefined)
    text += ` fwmark ${hex(row.fwmark)}${row.fwmask === undefined || row.fwmask === 0xffffffff ? '' : `/${hex(row.fwmask)}`}`;
  if (row.iif !== undefined) text += ` iif ${row.iif}`;
  if (row.oif !== undefined) text += ` oif ${row.oif}`;
  if (row.uidrange !== undefined) text += ` uidrange ${row.uidrange}`;
  if (row.ipproto !== undefined) text += ` ipproto ${row.ipproto}`;
  if (row.sport !== undefined) text += ` sport ${row.sport}`;
  if (row.dport !== undefined) text += ` dport ${row.dport}`;
  if (row.action === 'goto') return `${text} goto ${row.goto ?? '?'}`;
  if (row.action !== 'lookup') return `${text} ${row.action}`;
  if (row.l3mdev) text += ' lookup [l3mdev-table]';
  else if (row.table !== undefined) text += ` lookup ${row.table}`;
  if (row.suppress_prefixlength !== undefined) text += ` suppress_prefixlength ${row.suppress_prefixlength}`;
  if (row.suppress_ifgroup !== undefined) text += ` suppress_ifgroup ${row.suppress_ifgroup}`;
  return text;
}

/** A rule's prefix of length 0 is printed as it is, not as `default`. */
const shownRulePrefix = (prefix: Prefix): string => (prefix.endsWith('/0') ? prefix : shownPrefix(prefix));

/** The rules of both families, in the order in which the kernel asks them. */
export const rule: Table<Rule> = {
  name: 'rule',
  supply: [
    {family: 4, sections: ['ip-rule']},
    {family: 6, sections: ['ip-6-rule']},
  ],
  parse: (output, context) => read(output, context, reader),
  // `protocol` says who made the rule, not what it does; `detached` follows from which devices exist.
  key: (row) => `${row.family} ${row.priority} ${selector(row)}`,
  show: (row) =>
    `${row.priority}:\t${selector(row)}${row.protocol === undefined || row.protocol === 'kernel' || row.protocol === 'unspec' ? '' : ` proto ${row.protocol}`}`,
};
