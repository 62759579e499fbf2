import type {Origin} from '../table.js';
import type {Rulesets} from './evaluate.js';
import type {IptRule, Ruleset} from './iptables.js';
import {effectsOf} from './iptables-effect.js';
import {type NftRule, type NftRuleset, ownedByIptables} from './nft.js';
import {nftEffects} from './nft-effect.js';
import type {Hook, Seen} from './packet.js';
import type {Program} from './walk.js';

/** One base chain at a hook. */
export interface Stage {
  readonly priority: number;
  readonly table: string;
  readonly chain: string;
  /** As printed: `ACCEPT`, `drop`. */
  readonly policy: string;
  readonly nat: boolean;
  /** It runs before connection tracking. */
  readonly untracked: boolean;
  readonly origin: Origin;
  readonly program: Program;
}

/** The priorities of the tables iptables knows, per hook where they differ (linux/netfilter_ipv4.h). */
const iptablesHooks: {readonly [table: string]: {readonly [hook in Hook]?: number}} = {
  raw: {prerouting: -300, output: -300},
  mangle: {prerouting: -150, input: -150, forward: -150, output: -150, postrouting: -150},
  nat: {prerouting: -100, input: 100, output: -100, postrouting: 100},
  filter: {input: 0, forward: 0, output: 0},
  security: {input: 50, forward: 50, output: 50},
};

/** Where NAT happens at a hook; FORWARD has none. */
export const natPriority = (hook: Hook): number => iptablesHooks['nat']?.[hook] ?? Number.POSITIVE_INFINITY;

/** Conntrack's own hook; only prerouting and output have one. */
const conntrackPriority = -200;

/** The base chains a packet meets at a hook, in their order. */
export function stagesOf(rulesets: Rulesets, hook: Hook, packet: Seen): readonly Stage[] {
  const stages = [
    ...(rulesets.iptables ? iptablesStages(rulesets.iptables, hook, packet) : []),
    ...(rulesets.iptablesLegacy ? iptablesStages(rulesets.iptablesLegacy, hook, packet) : []),
    ...(rulesets.nft ? nftStages(rulesets.nft, rulesets.iptables, hook, packet) : []),
  ];
  // NAT chains all hang on one hook of a fixed priority, and in there go by their own.
  const slot = (stage: Stage) => (stage.nat ? (iptablesHooks['nat']?.[hook] ?? stage.priority) : stage.priority);
  return stages.toSorted((a, b) => slot(a) - slot(b) || Number(a.nat) - Number(b.nat) || a.priority - b.priority);
}

/** Chains in groups of one priority. Only those that can do something count: an empty chain that accepts has no place in an order. */
export function sameTime(stages: readonly Stage[]): readonly (readonly Stage[])[] {
  const groups: Stage[][] = [];
  for (const stage of stages) {
    const last = groups.at(-1);
    if (last?.[0] && last[0].priority === stage.priority && last[0].nat === stage.nat && !idle(stage) && !idle(last[0])) last.push(stage);
    else groups.push([stage]);
  }
  return groups;
}

const idle = (stage: Stage): boolean => stage.policy.toUpperCase() === 'ACCEPT' && stage.program.rulesOf(stage.chain)?.length === 0;

/** Every order of a few chains; of more than four only the printed one and its reverse. */
export function permutations(stages: readonly Stage[]): readonly (readonly Stage[])[] {
  if (stages.length < 2) return [stages];
  if (stages.length > 4) return [stages, stages.toReversed()];
  return stages.flatMap((first, i) => permutations(stages.toSpliced(i, 1)).map((rest) => [first, ...rest]));
}

const untracked = (hook: Hook, priority: number): boolean => priority < conntrackPriority && (hook === 'prerouting' || hook === 'output');

function* iptablesStages(ruleset: Ruleset, hook: Hook, packet: Seen): Generator<Stage> {
  if (ruleset.family !== packet.family) return;
  for (const table of ruleset.tables.values()) {
    const priority = Object.hasOwn(iptablesHooks, table.name) ? iptablesHooks[table.name]?.[hook] : undefined;
    const chain = table.chains.get(hook.toUpperCase());
    if (priority === undefined || !chain) continue;
    const {origin} = chain;
    const program: Program = {
      rulesOf: (name) => table.chains.get(name)?.rules,
      effects: (rule, state) => effectsOf(rule as IptRule, packet, state, (name) => table.chains.has(name)),
    };
    yield {
      priority,
      table: table.name,
      chain: chain.name,
      policy: chain.policy ?? 'ACCEPT',
      nat: table.name === 'nat',
      untracked: untracked(hook, priority),
      origin,
      program,
    };
  }
}

function* nftStages(ruleset: NftRuleset, iptables: Ruleset | undefined, hook: Hook, packet: Seen): Generator<Stage> {
  for (const table of ruleset.tables) {
    if (table.dormant || !(table.family === 'inet' || table.family === (packet.family === 4 ? 'ip' : 'ip6'))) continue;
    // iptables-save prints these better: a rule with `xt` says nothing here.
    if (ownedByIptables(table) && iptables?.flavour === 'nft' && iptables.tables.has(table.name)) continue;
    for (const chain of table.chains.values()) {
      if (chain.hook !== hook || chain.prio === undefined) continue;
      const priority = chain.prio;
      const program: Program = {
        rulesOf: (name) => table.chains.get(name)?.rules,
        effects: (rule, state) => nftEffects(rule as NftRule, table, packet, state),
      };
      const name = `${table.family} ${table.name}`;
      yield {
        priority,
        table: name,
        chain: chain.name,
        policy: chain.policy ?? 'accept',
        nat: chain.type === 'nat',
        untracked: untracked(hook, priority),
        origin: chain.origin,
        program,
      };
    }
  }
}
