import type {Family} from '../../net/address.js';
import type {ParseProblem} from '../table.js';
import {evaluateHook, type Rulesets} from './evaluate.js';
import {type Flavour, flavourOf, parseIptables, type Ruleset} from './iptables.js';
import {type NftRuleset, parseNft} from './nft.js';

export {evaluateHook, type Rulesets};

/** Everything a node has of netfilter, by family. A flavour whose kernel part is not loaded holds no rules, which is an answer. */
export interface Netfilter {
  readonly 4: Rulesets;
  readonly 6: Rulesets;
  /** Families whose iptables rules, of both flavours, were read or are known not to exist. */
  readonly iptables: ReadonlySet<Family>;
  /** The native nft ruleset was read, or there is none. */
  readonly nft: boolean;
  /** Both of the above, for IPv4: what a verdict on a packet needs. */
  readonly complete: boolean;
}

interface Text {
  readonly command: string;
  readonly out: string;
}

const names: {readonly [F in Family]: readonly [string, string]} = {
  4: ['iptables-save', 'iptables-legacy-save'],
  6: ['ip6tables-save', 'ip6tables-legacy-save'],
};

/**
 * Reads the netfilter sections of one node.
 * @param find a section that could be read, by name
 * @param skipped what the gather script left out, and why; `not-loaded` means that there is nothing
 */
export function readNetfilter(
  find: (name: string) => Text | undefined,
  skipped: ReadonlyMap<string, string>,
  gap: (what: string, why: string) => void,
): Netfilter {
  const none = (name: string) => skipped.get(name)?.startsWith('not-loaded') === true;
  const complain = (section: string, problems: readonly ParseProblem[]): boolean => {
    for (const p of problems) gap(section, `${p.command}, line ${p.line}: ${p.why}: ${p.text.slice(0, 200)}`);
    return problems.length === 0;
  };
  const nftText = find('nft');
  const nft = nftText && parseNft(nftText.out, {command: nftText.command});
  const nftRead = nft !== undefined ? complain('nft', nft.problems) : none('nft');
  const iptables = new Set<Family>();
  const family = (of: Family): Rulesets => {
    const [modern, legacy] = names[of];
    const read = (name: string, flavour: Flavour): {readonly ruleset?: Ruleset; readonly looked: boolean} => {
      const text = find(name);
      if (!text) return {looked: none(name)};
      const parsed = parseIptables(text.out, {command: text.command, family: of, flavour: flavourOf(text.out) ?? flavour});
      return {ruleset: parsed.ruleset, looked: complain(name, parsed.problems)};
    };
    const [a, b] = [read(modern, 'nft'), read(legacy, 'legacy')];
    if (a.looked && b.looked) iptables.add(of);
    return {
      ...(a.ruleset && {iptables: a.ruleset}),
      ...(b.ruleset && {iptablesLegacy: b.ruleset}),
      ...(nft && {nft: nft.ruleset as NftRuleset}),
    };
  };
  const [v4, v6] = [family(4), family(6)];
  return {4: v4, 6: v6, iptables, nft: nftRead, complete: iptables.has(4) && nftRead};
}
