import {type Action, type Effect, type Nat, type State, seen, translated} from './effect.js';
import type {IptRule, IptTarget} from './iptables.js';
import {markAndMask, matches} from './match.js';
import {hasConnection, type Seen} from './packet.js';

/** Targets that look, count or change what no rule here asks for, and let the packet go on. */
const passing = new Set([
  'LOG',
  'NFLOG',
  'ULOG',
  'TRACE',
  'TEE',
  'CHECKSUM',
  'TCPMSS',
  'TCPOPTSTRIP',
  'DSCP',
  'TOS',
  'TTL',
  'HL',
  'ECN',
  'CLASSIFY',
  'SECMARK',
  'CONNSECMARK',
  'AUDIT',
  'SET',
  'IDLETIMER',
  'RATEEST',
  'LED',
]);

const natKinds: {readonly [target: string]: Nat['kind']} = {
  MASQUERADE: 'masquerade',
  SNAT: 'snat',
  DNAT: 'dnat',
  REDIRECT: 'redirect',
  NETMAP: 'netmap',
};
const natOptions = ['--to-source', '--to-destination', '--to-ports', '--to'];

const next: Action = {do: 'next'};

/** The ways a packet in this state can leave the rule: one, or two when it cannot be said whether the rule matches. */
export function effectsOf(rule: IptRule, packet: Seen, state: State, hasChain: (name: string) => boolean): readonly Effect[] {
  const answer = matches(rule, seen(packet, state));
  const missed: Effect = {state, action: next};
  if (answer === false || !rule.target) return [missed];
  const hit = apply(rule.target, rule.text, packet, state, hasChain);
  if (answer === true) return [hit];
  return hit.state === state && hit.action.do === 'next'
    ? [missed]
    : [
        {...hit, branch: 'yes'},
        {...missed, branch: 'no'},
      ];
}

function apply(target: IptTarget, rule: string, packet: Seen, state: State, hasChain: (name: string) => boolean): Effect {
  const {name} = target;
  if (hasChain(name)) return {state, action: {do: target.goto ? 'goto' : 'jump', chain: name}};
  if (name === 'ACCEPT') return {state, action: {do: 'accept'}};
  if (name === 'DROP') return {state, action: {do: 'drop'}};
  if (name === 'REJECT') return {state, action: {do: 'reject'}};
  if (name === 'RETURN') return {state, action: {do: 'return'}};
  if (name === 'MARK') return {state: {...state, mark: markedBy(target, state.mark)}, action: next};
  if (name === 'HMARK') return {state: {...state, mark: undefined}, action: next};
  // Without a connection there is nothing to mark, nor to restore from.
  if (name === 'CONNMARK') return {state: hasConnection(state) ? connmark(target, state) : state, action: next};
  if (name === 'NOTRACK' || (name === 'CT' && target.options.has('--notrack')))
    return {state: {...state, ctstate: 'untracked'}, action: next};
  if (name === 'CT' || passing.has(name)) return {state, action: next};
  const kind = natKinds[name];
  if (kind) {
    const port = target.options.get('--to-ports')?.[0];
    const to =
      kind === 'redirect' && port !== undefined
        ? `:${port}`
        : natOptions.map((option) => target.options.get(option)?.[0]).find((value) => value !== undefined);
    return {state: translated(state, {kind, ...(to === undefined ? {} : {to}), rule}, packet), action: {do: 'accept'}};
  }
  return {state, action: {do: 'unknown', why: `target ${name} hands the packet to something that is not in the tables`}};
}

/** (old & ~mask) ^ value, as every xt mark target computes it; unsigned. */
const xor = (old: number | undefined, mask: number, value: number | undefined): number | undefined => {
  if (value === undefined) return undefined;
  if (mask === 0xffffffff) return value >>> 0;
  return old === undefined ? undefined : ((old & ~mask) ^ value) >>> 0;
};

/** The bits of an unknown number are known where the mask clears them. */
const masked = (value: number | undefined, mask: number): number | undefined =>
  mask === 0 ? 0 : value === undefined ? undefined : (value & mask) >>> 0;

function markedBy({options}: IptTarget, old: number | undefined): number | undefined {
  const option = (name: string) => {
    const text = options.get(name)?.[0];
    return text === undefined ? undefined : markAndMask(text);
  };
  const set = option('--set-xmark') ?? option('--set-mark');
  if (set) return xor(old, set.mask, set.value);
  const and = option('--and-mark');
  if (and) return masked(old, and.value);
  const or = option('--or-mark');
  if (or) return xor(old, or.value, or.value);
  const flip = option('--xor-mark');
  return flip ? xor(old, 0, flip.value) : undefined;
}

function connmark(target: IptTarget, state: State): State {
  const {options} = target;
  const bits = (name: string) => markAndMask(options.get(name)?.[0] ?? '0xffffffff')?.value ?? 0xffffffff;
  const mask = options.get('--mask')?.[0];
  const ctmask = mask === undefined ? bits('--ctmask') : bits('--mask');
  const nfmask = mask === undefined ? bits('--nfmask') : bits('--mask');
  if (options.has('--save-mark')) return {...state, ctmark: xor(state.ctmark, ctmask, masked(state.mark, nfmask))};
  if (options.has('--restore-mark')) return {...state, mark: xor(state.mark, nfmask, masked(state.ctmark, ctmask))};
  return {...state, ctmark: markedBy(target, state.ctmark)};
}
