import type {Origin, ParseProblem} from '../table.js';
import {showNftRule} from './nft-show.js';

export type JsonObject = {readonly [key: string]: unknown};

export interface NftRule {
  readonly kind: 'nft';
  /** The rule in nft's words, as near as its JSON allows. */
  readonly text: string;
  /** Family and name: `ip flannel-ipv4`. */
  readonly table: string;
  readonly chain: string;
  readonly handle?: number;
  readonly comment?: string;
  readonly expr: readonly JsonObject[];
  /** It has parts written by iptables-nft that nft prints without their contents. */
  readonly opaque: boolean;
  readonly origin: Origin;
}

export interface NftChain {
  readonly name: string;
  /** Only base chains have these four. */
  readonly type?: string;
  readonly hook?: string;
  readonly prio?: number;
  readonly policy?: string;
  readonly rules: readonly NftRule[];
  readonly origin: Origin;
}

/** A set, or a map when `map` is written. */
export interface NftSet {
  readonly name: string;
  readonly type: unknown;
  readonly map?: unknown;
  /** Of a map: pairs of key and value. */
  readonly elements: readonly unknown[];
  /** Packets add to it (`flags dynamic`, `timeout`): the elements are those of a moment that has passed. */
  readonly changing: boolean;
}

export interface NftTable {
  /** `ip`, `ip6`, `inet`; `bridge`, `arp` and `netdev` are kept but never evaluated. */
  readonly family: string;
  readonly name: string;
  /** Switched off: its chains see nothing. */
  readonly dormant: boolean;
  readonly chains: ReadonlyMap<string, NftChain>;
  readonly sets: ReadonlyMap<string, NftSet>;
  readonly origin: Origin;
}

export interface NftRuleset {
  readonly command: string;
  readonly tables: readonly NftTable[];
}

interface Building extends NftTable {
  readonly chains: Map<string, NftChain & {readonly rules: NftRule[]}>;
  readonly sets: Map<string, NftSet>;
}

/** Reads `nft -j list ruleset`. What cannot be read is a problem, never an exception; objects of other kinds (counters, flowtables) are skipped. */
export function parseNft(text: string, {command}: {readonly command: string}): {ruleset: NftRuleset; problems: ParseProblem[]} {
  const problems: ParseProblem[] = [];
  const tables = new Map<string, Building>();
  const complain = (line: number, raw: unknown, why: string) =>
    problems.push({command, line, text: JSON.stringify(raw)?.slice(0, 400) ?? '', why});
  for (const [index, item] of items(text, (why) => problems.push({command, line: 1, text: text.slice(0, 200), why})).entries()) {
    const [kind = '', body] = Object.entries(object(item) ?? {})[0] ?? [];
    const it = object(body);
    const line = index + 1;
    if (!it) {
      complain(line, item, 'not an nft object');
      continue;
    }
    const origin: Origin = {command, line, raw: item};
    const key = kind === 'table' ? `${it['family']} ${it['name']}` : `${it['family']} ${it['table']}`;
    if (kind === 'table') {
      tables.set(key, {
        family: String(it['family']),
        name: String(it['name']),
        dormant: list(it['flags']).includes('dormant'),
        chains: new Map(),
        sets: new Map(),
        origin,
      });
      continue;
    }
    if (kind !== 'chain' && kind !== 'rule' && kind !== 'set' && kind !== 'map') continue;
    const table = tables.get(key);
    if (!table) complain(line, item, `table ${key} was not listed`);
    else if (kind === 'chain') table.chains.set(String(it['name']), {name: String(it['name']), ...base(it), rules: [], origin});
    else if (kind === 'rule') {
      const chain = table.chains.get(String(it['chain']));
      const expr = Array.isArray(it['expr']) ? it['expr'].map(object) : undefined;
      if (!chain || !expr?.every((e) => e !== undefined))
        complain(line, item, chain ? 'a rule without expressions' : `chain ${String(it['chain'])} was not listed`);
      else {
        const opaque = expr.some((e) => 'xt' in e);
        const {handle, comment} = it;
        const named = {...(typeof handle === 'number' ? {handle} : {}), ...(typeof comment === 'string' ? {comment} : {})};
        chain.rules.push({
          kind: 'nft',
          text: showNftRule(expr, named.comment),
          table: key,
          chain: chain.name,
          ...named,
          expr,
          opaque,
          origin,
        });
      }
    } else {
      const flags = list(it['flags']);
      const changing = flags.includes('dynamic') || flags.includes('timeout');
      const map = it['map'] === undefined ? {} : {map: it['map']};
      table.sets.set(String(it['name']), {name: String(it['name']), type: it['type'], ...map, elements: list(it['elem']), changing});
    }
  }
  return {ruleset: {command, tables: [...tables.values()]}, problems};
}

function items(text: string, complain: (why: string) => void): readonly unknown[] {
  if (text.trim() === '') return [];
  try {
    const listed = object(JSON.parse(text))?.['nftables'];
    if (Array.isArray(listed)) return listed;
    complain('no nftables array');
  } catch (error) {
    complain(`not JSON: ${(error as Error).message}`);
  }
  return [];
}

export const object = (value: unknown): JsonObject | undefined =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as JsonObject) : undefined;

/** nft prints a list of one as the thing itself. */
export const list = (value: unknown): readonly unknown[] =>
  value === undefined || value === null ? [] : Array.isArray(value) ? value : [value];

function base(it: JsonObject): Pick<NftChain, 'type' | 'hook' | 'prio' | 'policy'> {
  const {type, hook, prio, policy} = it as {type?: unknown; hook?: unknown; prio?: unknown; policy?: unknown};
  if (typeof hook !== 'string' || typeof prio !== 'number') return {};
  return {type: String(type), hook, prio, ...(typeof policy === 'string' ? {policy} : {})};
}

const iptablesTables = new Set(['raw', 'mangle', 'nat', 'filter', 'security']);
const iptablesChains = new Set(['PREROUTING', 'INPUT', 'FORWARD', 'OUTPUT', 'POSTROUTING']);

/** Was the table made by iptables-nft? It has one of its names, and every base chain has the name iptables gives that hook. */
export function ownedByIptables(table: NftTable): boolean {
  if (!(table.family === 'ip' || table.family === 'ip6') || !iptablesTables.has(table.name)) return false;
  return [...table.chains.values()].every(
    (chain) => chain.hook === undefined || (iptablesChains.has(chain.name) && chain.name.toLowerCase() === chain.hook),
  );
}
