import {type Action, type Effect, type Nat, type State, seen, translated} from './effect.js';
import {type JsonObject, list, type NftRule, type NftTable, object} from './nft.js';
import {fieldOf, holds, matchStatement} from './nft-match.js';
import {hasConnection, type Seen, type Ternary} from './packet.js';
import {protocolNumber} from './protocol.js';

/** One way through the statements so far. */
interface Way {
  readonly state: State;
  readonly branch: string;
}

/** What comes of one statement: ways that go on with the next one, and ways that leave the rule. */
interface Outcome {
  readonly on: readonly Way[];
  readonly out: readonly (Way & {readonly action: Action})[];
}

/** The ways a packet in this state can leave the rule. Statements run one after the other; the first match that fails ends the rule. */
export function nftEffects(rule: NftRule, table: NftTable, packet: Seen, state: State): readonly Effect[] {
  let ways: readonly Way[] = [{state, branch: ''}];
  const out: (Way & {readonly action: Action})[] = [];
  for (const statement of rule.expr) {
    const results = ways.map((way) => run(statement, way, rule, table, packet));
    out.push(...results.flatMap((result) => result.out));
    ways = results.flatMap((result) => result.on);
    if (ways.length === 0) break;
  }
  out.push(...ways.map((way) => ({...way, action: next})));
  // A rule of which nothing follows either way need not be judged.
  if (out.every((way) => way.action.do === 'next' && way.state === state)) return [{state, action: next}];
  return out.map(({branch, ...effect}) => ({...effect, ...(branch === '' ? {} : {branch})}));
}

const next: Action = {do: 'next'};
const passing = new Set([
  'counter',
  'log',
  'comment',
  'continue',
  'set',
  'map',
  'meter',
  'flow',
  'last',
  'ct helper',
  'ct timeout',
  'ct expectation',
  'secmark',
  'dup',
]);

function run(statement: JsonObject, way: Way, rule: NftRule, table: NftTable, packet: Seen): Outcome {
  const [kind = '', body] = Object.entries(statement)[0] ?? [];
  const {state} = way;
  const leave = (action: Action, after = state): Outcome => ({on: [], out: [{state: after, branch: way.branch, action}]});
  const goOn = (after = state): Outcome => ({on: [{...way, state: after}], out: []});
  const about = object(body) ?? {};
  switch (kind) {
    case 'match':
      return fork(matchStatement(about, table, seen(packet, state)), way);
    case 'limit':
    case 'quota':
    case 'ct count':
      return fork('unknown', way);
    case 'vmap':
      return vmap(about, way, table, packet);
    case 'mangle': {
      const after = mangled(about, packet, state);
      return after === 'absent' ? {on: [], out: [{...way, action: next}]} : goOn(after);
    }
    case 'notrack':
      // Behind conntrack it comes too late: a packet that has a connection keeps it (nft_notrack_eval).
      return goOn(hasConnection(state) ? state : {...state, ctstate: 'untracked'});
    case 'masquerade':
    case 'snat':
    case 'dnat':
    case 'redirect':
      // In an inet table `dnat ip6 to` says nothing to an IPv4 packet, which goes on (nft_nat_inet_eval).
      if (typeof about['family'] === 'string' && (about['family'] === 'ip') !== (packet.family === 4)) return goOn();
      return leave({do: 'accept'}, translated(state, natOf(kind, about, rule.text), packet));
    case 'reject':
      return refuses(about, packet) ? leave({do: 'reject'}) : {on: [], out: [{...way, action: next}]};
    case 'xt':
      return compat(about, way, packet, rule.text);
  }
  const verdict = verdictOf(statement);
  if (verdict) return leave(verdict);
  if (passing.has(kind)) return goOn();
  return leave({do: 'unknown', why: `statement ${kind} is not one that can be followed`});
}

/** nft leaves out the match on family or protocol that the kind of refusal implies when it prints the rule. */
function refuses(about: JsonObject, {family, proto}: Seen): boolean {
  const type = about['type'];
  if (type === 'tcp reset') return protocolNumber(proto) === 6;
  return type === 'icmp' ? family === 4 : type === 'icmpv6' ? family === 6 : true;
}

/** A match that cannot be judged goes both ways. */
function fork(answer: Ternary, way: Way): Outcome {
  const missed = {...way, action: next};
  if (answer === true) return {on: [way], out: []};
  if (answer === false) return {on: [], out: [missed]};
  return {on: [{...way, branch: `${way.branch}y`}], out: [{...missed, branch: `${way.branch}n`}]};
}

function verdictOf(statement: unknown): Action | undefined {
  const [kind = '', body] = Object.entries(object(statement) ?? {})[0] ?? [];
  if (kind === 'accept' || kind === 'drop' || kind === 'reject' || kind === 'return') return {do: kind};
  if (kind === 'continue') return next;
  if (kind === 'jump' || kind === 'goto') return {do: kind, chain: String(object(body)?.['target'])};
  return undefined;
}

/** A verdict map: the key's element says where to go; a key without one ends the rule. */
function vmap(about: JsonObject, way: Way, table: NftTable, packet: Seen): Outcome {
  const {key, data} = about;
  const field = fieldOf(key, seen(packet, way.state));
  const missed = {...way, action: next};
  if (field === 'absent') return {on: [], out: [missed]};
  const named = typeof data === 'string' ? table.sets.get(data.replace(/^@/, '')) : undefined;
  const elements = named ? named.elements : list(object(data)?.['set']);
  if ((typeof data === 'string' && !named) || named?.changing)
    return {on: [], out: [{...way, action: {do: 'unknown', why: `map ${String(data)} is not certain`}}]};
  const out: (Way & {readonly action: Action})[] = [];
  for (const [index, element] of elements.entries()) {
    const [value, verdict] = list(element);
    const answer = field === 'unknown' ? 'unknown' : holds(field, value, table);
    if (answer === false) continue;
    const action = verdictOf(verdict) ?? {do: 'unknown' as const, why: 'a verdict that cannot be read'};
    const sure = answer === true;
    out.push({...way, action, branch: sure && out.length === 0 ? way.branch : `${way.branch}${index},`});
    if (sure) return {on: [], out};
  }
  // numgen counts round the elements: with one for each number none is missed.
  const mod = object(object(key)?.['numgen'])?.['mod'];
  if (typeof mod === 'number' && elements.length >= mod) return {on: [], out};
  return {on: [], out: [...out, out.length === 0 ? missed : {...missed, branch: `${way.branch}n`}]};
}

/** The state with the mark written; `absent` when what to write is not there (`ct mark` without a connection), which ends the rule. */
function mangled(about: JsonObject, packet: Seen, state: State): State | 'absent' {
  const target = object(about['key']);
  const ofPacket = object(target?.['meta'])?.['key'] === 'mark';
  if (!ofPacket && object(target?.['ct'])?.['key'] !== 'mark') return state;
  const value = computed(about['value'], packet, state);
  if (value === 'absent') return 'absent';
  if (ofPacket) return {...state, mark: value};
  return hasConnection(state) ? {...state, ctmark: value} : state;
}

function computed(expression: unknown, packet: Seen, state: State): number | 'absent' | undefined {
  if (typeof expression === 'number') return expression >>> 0;
  const [kind = '', body] = Object.entries(object(expression) ?? {})[0] ?? [];
  if (kind === '|' || kind === '&' || kind === '^') {
    const [a, b] = list(body).map((part) => computed(part, packet, state));
    if (a === 'absent' || b === 'absent') return 'absent';
    if (a === undefined || b === undefined) return undefined;
    return (kind === '|' ? a | b : kind === '&' ? a & b : a ^ b) >>> 0;
  }
  const field = fieldOf(expression, seen(packet, state));
  return field === 'absent' ? 'absent' : typeof field === 'string' ? undefined : field.number;
}

function natOf(kind: Nat['kind'], about: JsonObject, rule: string): Nat {
  const {addr, port} = about;
  const range = list(object(addr)?.['range']);
  const shown = typeof addr === 'string' ? addr : range.length === 2 ? range.join('-') : undefined;
  const to = `${shown?.includes(':') && port !== undefined ? `[${shown}]` : (shown ?? '')}${typeof port === 'number' ? `:${port}` : ''}`;
  return {kind, rule, ...(to === '' || (addr !== undefined && shown === undefined) ? {} : {to})};
}

/** A part written by iptables-nft: nft names the extension and not what it was told. */
function compat(about: JsonObject, way: Way, packet: Seen, rule: string): Outcome {
  const name = String(about['name']);
  if (about['type'] === 'match') return name === 'comment' ? {on: [way], out: []} : fork('unknown', way);
  const leave = (action: Action, state = way.state): Outcome => ({on: [], out: [{...way, state, action}]});
  if (name === 'REJECT') return leave({do: 'reject'});
  if (name === 'LOG' || name === 'NFLOG') return {on: [way], out: []};
  if (name === 'MARK') return {on: [{...way, state: {...way.state, mark: undefined}}], out: []};
  if (name === 'MASQUERADE') return leave({do: 'accept'}, translated(way.state, {kind: 'masquerade', rule}, packet));
  return leave({do: 'unknown', why: `nft does not print what target ${name} was told`});
}
