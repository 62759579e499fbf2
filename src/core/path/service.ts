import {chainRules} from '../kernel/netfilter/chains.js';
import {familyOf, type Ip} from '../net/address.js';
import type {NodeState} from '../node/state.js';

/** The chains in which kube-proxy names each service by its address: those it sends on, and those without endpoints. */
const named = [
  ['nat', 'KUBE-SERVICES'],
  ['filter', 'KUBE-SERVICES'],
  ['filter', 'KUBE-EXTERNAL-SERVICES'],
] as const;

/** Is it the address of a Kubernetes service, by the rules that kube-proxy keeps on the node (iptables or nftables mode)? */
export function isService({netfilter}: NodeState, address: Ip): boolean {
  const family = familyOf(address);
  const {iptables, iptablesLegacy, nft} = netfilter[family];
  const whole = `${address}/${family === 4 ? 32 : 128}`;
  const byRule = [iptables, iptablesLegacy].some((ruleset) =>
    named.some(
      ([table, chain]) =>
        ruleset !== undefined &&
        chainRules(ruleset, table, chain).some((r) => r.matches.some((m) => m.option === '-d' && m.values[0] === whole)),
    ),
  );
  const table = nft?.tables.find((t) => t.name === 'kube-proxy' && t.family === (family === 4 ? 'ip' : 'ip6'));
  return byRule || [...(table?.sets.values() ?? [])].some((set) => set.elements.some((element) => holds(element, address)));
}

/** An element is a value, a concatenation, or a pair with a verdict. */
const holds = (value: unknown, wanted: Ip): boolean =>
  value === wanted || (typeof value === 'object' && value !== null && Object.values(value).some((part) => holds(part, wanted)));
