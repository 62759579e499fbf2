import {commentOf, type IptMatch, type IptRule, type Ruleset} from './iptables.js';

/** The rules of a chain in order; empty when there is no such chain (ask `hasChain` to tell the two apart). */
export const chainRules = (ruleset: Ruleset, table: string, chain: string): readonly IptRule[] =>
  ruleset.tables.get(table)?.chains.get(chain)?.rules ?? [];

export const hasChain = (ruleset: Ruleset, table: string, chain: string): boolean => ruleset.tables.get(table)?.chains.has(chain) ?? false;

/** Is there a rule in `from` that jumps or goes to `to`, whatever else it asks? */
export const hasJump = (ruleset: Ruleset, table: string, from: string, to: string): boolean =>
  chainRules(ruleset, table, from).some((rule) => rule.target?.name === to);

/** Every rule of every table the predicate holds for, in the order they were printed. */
export function findRules(ruleset: Ruleset, predicate: (rule: IptRule) => boolean): readonly IptRule[] {
  return [...ruleset.tables.values()].flatMap((table) => [...table.chains.values()].flatMap((chain) => chain.rules.filter(predicate)));
}

/** Rules whose `--comment` is one of these. */
export const rulesCommented = (ruleset: Ruleset, ...comments: readonly string[]): readonly IptRule[] =>
  findRules(ruleset, (rule) => {
    const comment = commentOf(rule);
    return comment !== undefined && comments.includes(comment);
  });

/**
 * What a rule does, in one spelling: without chain, counters and comment, the matches sorted, lists within them too, single addresses
 * without their /32.
 */
export function normalForm(rule: IptRule): string {
  const matches = rule.matches.filter((match) => match.option !== '--comment' && match.option !== '').map(showMatch);
  const options = [...(rule.target?.options ?? [])].map(([name, values]) => [name, ...values].join(' '));
  const target = rule.target ? [`${rule.target.goto ? '-g' : '-j'} ${rule.target.name}`, ...options.toSorted()] : [];
  return [...matches.toSorted(), ...target].join(' ');
}

/** Do two rules ask and do the same, regardless of the order of matches, counters and comments? */
export const sameRule = (a: IptRule, b: IptRule): boolean => normalForm(a) === normalForm(b);

const lists = new Set(['--ctstate', '--state', '--dports', '--sports', '--ports', '--src-type', '--dst-type']);

function showMatch(match: IptMatch): string {
  const values = match.values.map((value) => {
    if (match.option === '-s' || match.option === '-d') return value.replace(value.includes(':') ? /\/128$/ : /\/32$/, '');
    return lists.has(match.option) ? value.split(',').toSorted().join(',') : value;
  });
  // `-m state --state` is the older spelling of `-m conntrack --ctstate`.
  const option = match.option === '--state' ? '--ctstate' : match.option;
  return `${match.negated ? '! ' : ''}${[option, ...values].join(' ')}`;
}
