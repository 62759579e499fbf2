import type {Family, Ip} from '../../net/address.js';

export const hooks = ['prerouting', 'input', 'forward', 'output', 'postrouting'] as const;
export type Hook = (typeof hooks)[number];

/** Yes, no, or: what was gathered does not say. */
export type Ternary = true | false | 'unknown';

/** What connection tracking says of the packet: `new` opens a connection, `untracked` after NOTRACK, `invalid` belongs to none. */
export type CtState = 'new' | 'established' | 'related' | 'invalid' | 'untracked';

/** Route types as `fib` and addrtype name them, lower case. */
export type AddressType = 'local' | 'unicast' | 'broadcast' | 'multicast' | 'anycast' | 'blackhole' | 'unreachable' | 'prohibit' | 'unspec';

/** One packet at one hook, as much as is known of it. What is absent makes the matches that ask for it `unknown`. */
export interface Packet {
  readonly family: Family;
  /** Input device. On POSTROUTING kernels before 5.7 show none: leave it out there. */
  readonly iif?: string | undefined;
  readonly oif?: string | undefined;
  readonly src: Ip;
  readonly dst: Ip;
  /** `tcp`, `udp`, `icmp`, `icmpv6`, … or the number. */
  readonly proto: string;
  readonly sport?: number | undefined;
  readonly dport?: number | undefined;
  readonly icmpType?: number | undefined;
  readonly icmpCode?: number | undefined;
  /** Upper case: `['SYN']` for the first packet of a connection. */
  readonly tcpFlags?: readonly string[] | undefined;
  /** skb->mark, an unsigned 32-bit number. */
  readonly mark: number;
  /** The connection's mark. A new connection has 0. */
  readonly ctmark?: number | undefined;
  readonly ctstate: CtState;
  /** Does it go the way the connection was opened, or back? */
  readonly ctdir?: 'original' | 'reply' | undefined;
  /** Which NAT the connection already has (`--ctstate DNAT`, `ct status snat`), when known. */
  readonly ctnat?: {readonly snat: boolean; readonly dnat: boolean} | undefined;
  /** TTL or hop limit as it comes to the hook; FORWARD sees it already one less. */
  readonly ttl?: number | undefined;
  /** Does the way back to the source lead through the input device (`fib saddr . iif oif`)? */
  readonly reversePath?: boolean | (() => boolean | undefined) | undefined;
  /** A later fragment (offset > 0). Absent means no. */
  readonly fragment?: boolean | undefined;
  /** `unicast` is a frame to this host. Known without asking on FORWARD, where nothing else gets. */
  readonly pkttype?: 'unicast' | 'broadcast' | 'multicast' | undefined;
  /** Bridge ports, when the packet is bridged through br_netfilter; false: it is not. */
  readonly physdev?: {readonly in?: string; readonly out?: string} | false | undefined;
  /** Has this node the address? Undefined answers "not looked". */
  readonly isLocal?: ((address: Ip) => boolean | undefined) | undefined;
  /** What MASQUERADE (output device) and REDIRECT (input device) write: an address of that device. Undefined: not known. */
  readonly addressOf?: ((device: string) => Ip | undefined) | undefined;
  /** The route type of the address here, where more than local or not is known. Wins over `isLocal`. */
  readonly addressType?: ((address: Ip) => AddressType | undefined) | undefined;
}

/** A packet on its way through the chains: NAT and CONNMARK can leave parts of it unknown. */
export type Seen = Omit<Packet, 'src' | 'dst' | 'mark'> & {
  readonly src: Ip | undefined;
  readonly dst: Ip | undefined;
  readonly mark: number | undefined;
};

/** Before conntrack ran, after NOTRACK and as INVALID a packet has no connection, and so none of what one has: mark, direction, NAT. */
export const hasConnection = (packet: Pick<Seen, 'ctstate'>): boolean => packet.ctstate !== 'invalid' && packet.ctstate !== 'untracked';

export const not = (answer: Ternary): Ternary => (answer === 'unknown' ? 'unknown' : !answer);

/** Are all true? One false settles it, however much is unknown. */
export function all(answers: Iterable<Ternary>): Ternary {
  let result: Ternary = true;
  for (const answer of answers) {
    if (answer === false) return false;
    if (answer === 'unknown') result = 'unknown';
  }
  return result;
}

/** Is any true? One true settles it. */
export function any(answers: Iterable<Ternary>): Ternary {
  let result: Ternary = false;
  for (const answer of answers) {
    if (answer === true) return true;
    if (answer === 'unknown') result = 'unknown';
  }
  return result;
}
