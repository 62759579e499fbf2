import {at, list, text} from '../../flannel/records/json.js';
import type {Ip, Prefix} from '../../net/address.js';
import {tryIp} from '../../net/address.js';
import {tryPrefix} from '../../net/prefix.js';
import type {CloudEni, CloudGroup, CloudRoute, CloudSubnet, CloudTable} from '../cloud.js';

/** What a document holds, in the normal form. */
export interface Parts {
  readonly routes?: readonly CloudRoute[];
  readonly tables?: readonly CloudTable[];
  readonly enis?: readonly CloudEni[];
  readonly subnets?: readonly CloudSubnet[];
  readonly groups?: readonly CloudGroup[];
  /** How many the cloud has of what is listed, where the document says it: a page holds fewer. */
  readonly total?: number;
  /** How many of those are listed here. */
  readonly listed?: number;
  /** It says that there is more to ask for. */
  readonly more?: boolean;
}

/** One form in which a cloud's tool prints its data. */
export interface Shape {
  /** The command that prints it. */
  readonly command: string;
  fits(data: unknown): boolean;
  read(data: unknown, doubts: Doubts): Parts;
}

/** What in a document cannot be read, each with its place in it. */
export class Doubts {
  readonly found: string[] = [];

  say(place: string, what: string): undefined {
    this.found.push(`${place}: ${what}`);
    return undefined;
  }

  /** A text that must be there. */
  text(value: unknown, key: string, place: string): string | undefined {
    const found = text(value, key);
    return found === undefined || found === '' ? this.say(`${place}.${key}`, told(at(value, key), 'not there', 'not text')) : found;
  }

  /** A prefix that must be there. An address stands for itself alone. */
  prefix(value: unknown, key: string, place: string): Prefix | undefined {
    const found = text(value, key);
    const prefix = found === undefined ? undefined : tryPrefix(found);
    return prefix ?? this.say(`${place}.${key}`, told(at(value, key), 'not there', 'not a prefix such as 10.244.1.0/24'));
  }

  /** An address that must be there. */
  ip(value: unknown, key: string, place: string): Ip | undefined {
    const found = text(value, key);
    const address = found === undefined ? undefined : tryIp(found);
    return address ?? this.say(`${place}.${key}`, told(at(value, key), 'not there', 'not an IP address'));
  }
}

const told = (value: unknown, absent: string, wrong: string): string =>
  value === undefined || value === '' ? absent : `${wrong}: ${JSON.stringify(value).slice(0, 60)}`;

/** The items of a list, each with its place in the document. */
export const each = (value: unknown, place: string): readonly {readonly item: unknown; readonly place: string}[] =>
  list(value).map((item, index) => ({item, place: `${place}[${index}]`}));

/** Texts of a list; what is none is left out. */
export const texts = (value: unknown): readonly string[] =>
  list(value).filter((item): item is string => typeof item === 'string' && item !== '');

/** A number, or the text of one: the tools do not agree with themselves. */
export function number(value: unknown): number | undefined {
  if (typeof value === 'number') return value;
  return typeof value === 'string' && /^\d+$/.test(value) ? Number(value) : undefined;
}

const protocols: {readonly [number: string]: string} = {'-1': 'all', '1': 'icmp', '6': 'tcp', '17': 'udp', '58': 'icmpv6'};

/** A protocol in the words that `GroupRule` has. */
export const protocolOf = (value: unknown): string => {
  const word = typeof value === 'number' ? String(value) : typeof value === 'string' ? value.toLowerCase() : '';
  return protocols[word] ?? (word === '' ? 'all' : word);
};

/** `80`, `8000-8010`; Alibaba writes `80/80`. */
export function portRange(value: string): readonly [number, number] | undefined {
  const [, first, last] = /^(\d+)(?:[-/](\d+))?$/.exec(value.trim()) ?? [];
  return first === undefined ? undefined : [Number(first), Number(last ?? first)];
}

/** A field that is only written where there is something to write. */
export const given = <Key extends string, Value>(key: Key, value: Value | undefined): {readonly [K in Key]?: Value} =>
  (value === undefined ? {} : {[key]: value}) as {readonly [K in Key]?: Value};
