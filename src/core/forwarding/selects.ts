import {protocolNumber} from '../kernel/netfilter/protocol.js';
import type {Rule} from '../kernel/rule.js';
import {contains, lengthOf} from '../net/prefix.js';
import type {Query} from './query.js';
import {tosIn} from './tos.js';

type Answer = boolean | 'unknown';

/** IPv4 compares the four TOS bits only, IPv6 all but the two of ECN (fib_dscp_masked_match, ip6_dscp). */
const tosBits = {4: 0x1c, 6: 0xfc} as const;

function inRange(range: string, value: number | undefined): Answer {
  if (value === undefined) return 'unknown';
  const [first, last] = range.split('-').map(Number);
  return value >= (first ?? 0) && value <= (last ?? first ?? 0);
}

function sameTos(rule: Rule, tos: number | undefined): Answer {
  const wanted = tosIn(rule.tos);
  if (wanted === 0) return true;
  return wanted === undefined || tos === undefined ? 'unknown' : wanted === (tos & tosBits[rule.family]);
}

function sameProtocol(wanted: string, ipproto: string | number | undefined): Answer {
  const number = protocolNumber(wanted);
  const asked = ipproto === undefined ? undefined : protocolNumber(String(ipproto));
  return number === undefined || asked === undefined ? 'unknown' : number === asked;
}

/**
 * Does the rule's selector match (fib_rule_match, fib4_rule_match, fib6_rule_match)? `unknown` when it asks for something the query does
 * not say.
 */
export function selects(rule: Rule, query: Query): Answer {
  const checks: Answer[] = [];
  if (rule.src !== undefined) checks.push(query.src === undefined ? lengthOf(rule.src) === 0 : contains(rule.src, query.src));
  if (rule.dst !== undefined) checks.push(contains(rule.dst, query.dst));
  // To the kernel what the node itself sends comes in by lo.
  if (rule.iif !== undefined) checks.push(rule.iif === (query.iif ?? 'lo'));
  if (rule.oif !== undefined) checks.push(rule.oif === query.oif);
  if (rule.fwmark !== undefined) checks.push((((query.mark ?? 0) ^ rule.fwmark) & (rule.fwmask ?? 0xffffffff)) === 0);
  if (rule.tos !== undefined) checks.push(sameTos(rule, query.tos));
  if (rule.uidrange !== undefined) checks.push(inRange(rule.uidrange, query.uid ?? (query.iif === undefined ? undefined : 0)));
  if (rule.ipproto !== undefined) checks.push(sameProtocol(rule.ipproto, query.ipproto));
  if (rule.sport !== undefined) checks.push(inRange(rule.sport, query.sport));
  if (rule.dport !== undefined) checks.push(inRange(rule.dport, query.dport));
  // Which devices are enslaved to which VRF is not modelled.
  if (rule.l3mdev) checks.push('unknown');
  if (checks.includes(false)) return rule.not === true;
  if (checks.includes('unknown')) return 'unknown';
  return rule.not !== true;
}
