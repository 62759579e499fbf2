import type {Rulesets} from '../kernel/netfilter/evaluate.js';
import {familyOf, type Prefix, tryIp} from '../net/address.js';
import {tryPrefix} from '../net/prefix.js';

/** The addresses that a node's firewall names: where peers differ in these, it may treat them differently. */
export interface FirewallNames {
  readonly prefixes: ReadonlySet<Prefix>;
  /** Ranges, masks with holes, arithmetic: what is in there cannot be told, so each peer may differ. */
  readonly opaque: boolean;
}

interface Words {
  readonly prefixes: readonly Prefix[];
  readonly opaque: boolean;
}

/** Nodes of a cluster have nearly the same rules: what a text names is worked out once. */
const REMEMBERED = 100_000;
const remembered = new Map<string, Words>();

function wordsOf(text: string): Words {
  let words = remembered.get(text);
  if (!words) {
    const prefixes: Prefix[] = [];
    let opaque = false;
    for (const word of text.split(/[\s,]+/)) {
      if (!/[.:]/.test(word) || !/^[\da-f.:/]+$/i.test(word)) continue;
      const ip = tryIp(word);
      const prefix = ip === undefined ? (word.includes('/') ? tryPrefix(word) : undefined) : `${ip}/${familyOf(ip) === 4 ? 32 : 128}`;
      if (prefix !== undefined) prefixes.push(prefix);
      // `10.0.0.0/255.0.255.0`
      else if (word.includes('/')) opaque = true;
    }
    words = {prefixes, opaque};
    if (remembered.size > REMEMBERED) remembered.clear();
    remembered.set(text, words);
  }
  return words;
}

const arithmetic: readonly string[] = ['&', '|', '^', '<<', '>>'];

const read = new WeakMap<Rulesets, FirewallNames>();

/** Worked out once a ruleset: a plan is proven on many states of a node that differ in everything but the firewall. */
export function firewallNames(rulesets: Rulesets): FirewallNames {
  let names = read.get(rulesets);
  if (!names) {
    names = readNames(rulesets);
    read.set(rulesets, names);
  }
  return names;
}

function readNames({iptables, iptablesLegacy, nft}: Rulesets): FirewallNames {
  const prefixes = new Set<Prefix>();
  let opaque = false;
  const take = (text: string): void => {
    const words = wordsOf(text);
    for (const prefix of words.prefixes) prefixes.add(prefix);
    opaque ||= words.opaque;
  };
  const collect = (value: unknown): void => {
    if (typeof value === 'string') take(value);
    if (typeof value !== 'object' || value === null) return;
    if (Array.isArray(value)) {
      for (const item of value) collect(item);
      return;
    }
    const object = value as {readonly [key: string]: unknown};
    const {addr, len, range} = object as {addr?: unknown; len?: unknown; range?: unknown};
    if (Array.isArray(range) && typeof range[0] === 'string' && tryIp(range[0]) !== undefined) opaque = true;
    if (typeof addr === 'string' && typeof len === 'number') take(`${addr}/${len}`);
    for (const key in object) {
      if (arithmetic.includes(key) && JSON.stringify(object[key]).includes('addr"')) opaque = true;
      collect(object[key]);
    }
  };
  for (const ruleset of [iptables, iptablesLegacy])
    for (const table of ruleset?.tables.values() ?? [])
      for (const chain of table.chains.values())
        for (const {matches, target} of chain.rules) {
          for (const {option, values} of matches) {
            if (option.endsWith('-range')) opaque = true;
            for (const value of values) if (value.includes('.') || value.includes(':')) take(value);
          }
          // `--to-destination 10.0.0.1:80`, `[fd00::1]:80`, `10.0.0.1-10.0.0.9`: a pod may be answered as if it were another.
          for (const values of target?.options.values() ?? [])
            for (const value of values) {
              const [, address = ''] = /^\[?([0-9a-f.:]*?[0-9a-f.]{2,}?)\]?(?::\d+(?:-\d+)?)?$/i.exec(value) ?? [];
              if (tryIp(value) !== undefined) take(value);
              else if (tryIp(address) !== undefined) take(address);
              else if (/\.\d+-|:[0-9a-f]*-/i.test(value)) opaque = true;
            }
        }
  for (const table of nft?.tables ?? []) {
    for (const chain of table.chains.values()) for (const rule of chain.rules) collect(rule.expr);
    for (const set of table.sets.values()) collect(set.elements);
  }
  return {prefixes, opaque};
}
