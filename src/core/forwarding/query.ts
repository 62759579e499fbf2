import type {Family, Ip} from '../net/address.js';
import type {NamespaceState} from '../node/state.js';

/** A namespace as the forwarding evaluator takes it: a node, or a pod of which no kernel parameters were read. */
export interface Namespace extends NamespaceState {
  /** Keys as paths below /proc/sys. */
  readonly sysctl?: ReadonlyMap<string, string> | undefined;
}

/** The parts of a packet that policy rules and routes look at. What is left out is not known, but for `src`, `mark` and `iif`: none. */
export interface Query {
  readonly dst: Ip;
  readonly src?: Ip;
  /** The device it came in by; absent for what the namespace itself sends. */
  readonly iif?: string;
  /** The device its sender is bound to. */
  readonly oif?: string;
  readonly mark?: number;
  /** The whole traffic class byte. Ordinary packets have 0. */
  readonly tos?: number;
  /** Who sends it. What comes in belongs to the owner of the namespace, 0. */
  readonly uid?: number;
  /** A name of /etc/protocols or a number: `tcp`, `udp`, `icmp`, `ipv6-icmp`, 132. */
  readonly ipproto?: string | number;
  readonly sport?: number;
  readonly dport?: number;
}

/** A parameter of a device or of `all`; undefined when it was not read. */
export function conf(state: Namespace, family: Family, dev: string, name: string): number | undefined {
  const value = state.sysctl?.get(`net/ipv${family}/conf/${dev}/${name}`);
  return value === undefined ? undefined : Number(value);
}
