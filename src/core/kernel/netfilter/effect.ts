import {type Ip, tryIp} from '../../net/address.js';
import type {CtState, Seen} from './packet.js';

/** What a NAT rule does to the connection. */
export interface Nat {
  readonly kind: 'snat' | 'dnat' | 'masquerade' | 'redirect' | 'netmap';
  /** `10.1.1.1:80`, `10.0.0.1-10.0.0.9`, `:8080`; absent for masquerade: the address of the output device. */
  readonly to?: string;
  readonly rule: string;
}

/** What rules have changed on the packet so far. `undefined` marks are unknown. */
export interface State {
  readonly mark: number | undefined;
  readonly ctmark: number | undefined;
  readonly ctstate: CtState;
  readonly src: Ip | undefined;
  readonly dst: Ip | undefined;
  readonly sport: number | undefined;
  readonly dport: number | undefined;
  readonly ctnat: Seen['ctnat'];
  readonly nat?: Nat;
}

/** Where a packet goes after a rule. */
export type Action =
  | {readonly do: 'next'}
  | {readonly do: 'return'}
  | {readonly do: 'jump' | 'goto'; readonly chain: string}
  | {readonly do: 'accept' | 'drop' | 'reject'}
  | {readonly do: 'unknown'; readonly why: string};

/** One way a rule can go. `branch` names the guess it rests on; without one it is certain. */
export interface Effect {
  readonly branch?: string;
  readonly state: State;
  readonly action: Action;
}

/** The packet as the next rule sees it. */
export function seen(packet: Seen, state: State): Seen {
  // Rule after rule sees the same packet in the same state.
  if (last?.packet !== packet || last.state !== state) last = {packet, state, seen: {...packet, ...state}};
  return last.seen;
}

let last: {readonly packet: Seen; readonly state: State; readonly seen: Seen} | undefined;

export function initialState(packet: Seen): State {
  const {mark, ctstate, src, dst, sport, dport, ctnat} = packet;
  return {mark, ctstate, src, dst, sport, dport, ctnat, ctmark: 'ctmark' in packet ? packet.ctmark : ctstate === 'new' ? 0 : undefined};
}

/** Two states with one key look alike to every rule to come. */
export const stateKey = (s: State): string =>
  `${s.mark} ${s.ctmark} ${s.ctstate} ${s.src} ${s.dst} ${s.sport} ${s.dport} ${s.nat?.kind} ${s.nat?.to} ${s.ctnat?.snat} ${s.ctnat?.dnat}`;

/** The state after NAT, for the chains behind it: one plain address (and port) is known from here on, anything else is not. */
export function translated(state: State, nat: Nat, packet: Seen): State {
  const after = rewritten(state, nat, packet);
  const had = state.ctnat ?? {snat: false, dnat: false};
  // Translating to what is there already is no NAT to conntrack; a source port may have changed with the address left alone.
  const ctnat =
    nat.kind === 'dnat' || nat.kind === 'redirect'
      ? {...had, dnat: had.dnat || after.dst !== state.dst || after.dport !== state.dport}
      : {...had, snat: had.snat || after.src !== state.src};
  return {...after, nat, ctnat};
}

function rewritten(state: State, nat: Nat, {family, iif, oif, addressOf}: Seen): State {
  const to = nat.to === undefined || nat.kind === 'netmap' ? undefined : single(nat.to);
  const own = (device: string | undefined) => (device ? addressOf?.(device) : undefined);
  if (nat.kind === 'dnat') return {...state, dst: to?.address, dport: to === undefined ? undefined : (to.port ?? state.dport)};
  if (nat.kind === 'redirect') {
    // What the host itself sends has no input device, and is turned to the loopback address (nf_nat_redirect).
    const here = iif === '' ? (family === 4 ? '127.0.0.1' : '::1') : own(iif);
    return {...state, dst: here, dport: to?.port ?? state.dport};
  }
  // The source port may be changed to keep connections apart, and nothing says so.
  return {...state, src: nat.kind === 'snat' ? to?.address : nat.kind === 'masquerade' ? own(oif) : undefined, sport: undefined};
}

/** `10.1.1.1`, `10.1.1.1:80`, `fd00::1`, `[fd00::1]:80`, `:80`; undefined for ranges and lists, of which one is taken. */
function single(text: string): {readonly address: Ip | undefined; readonly port: number | undefined} | undefined {
  const whole = tryIp(text);
  if (whole !== undefined) return {address: whole, port: undefined};
  const parsed = /^(?:\[([^\]]*)\]|([\d.]*))(?::(\d{1,5}))?$/.exec(text);
  if (!parsed) return undefined;
  return {address: tryIp(parsed[1] ?? parsed[2] ?? ''), port: parsed[3] === undefined ? undefined : Number(parsed[3])};
}
