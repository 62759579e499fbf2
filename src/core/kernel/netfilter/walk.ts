import type {Origin} from '../table.js';
import {type Effect, type State, stateKey} from './effect.js';

/** What the walk needs of a rule, whichever tool wrote it. */
export interface AnyRule {
  readonly text: string;
  readonly table: string;
  readonly chain: string;
  readonly origin: Origin;
}

/** Guesses made on the way: which rules could not be judged, and which way they were taken. */
export type Guesses = ReadonlyMap<AnyRule, string>;

/** One way the packet may have come here. A state that is reached however a rule is judged carries no guess on that rule. */
export interface Path {
  readonly state: State;
  readonly guesses: Guesses;
  /** The last rule that said accept. */
  readonly accepted?: AnyRule | undefined;
}

export interface End extends Path {
  readonly kind: 'accept' | 'drop' | 'reject' | 'unknown';
  readonly rule?: AnyRule;
  readonly why?: string;
}

/** The chains of one table and what their rules do. */
export interface Program {
  rulesOf(chain: string): readonly AnyRule[] | undefined;
  effects(rule: AnyRule, state: State): readonly Effect[];
}

/** Rule evaluations left; a hostile ruleset of nested jumps would else take for ever. */
export interface Budget {
  steps: number;
  /** Every rule that was guessed at, for the case that paths merged until no guess is left on those that differ. */
  readonly guessed: Set<AnyRule>;
}

const maxDepth = 64;
const maxPaths = 512;

/**
 * Sends all paths through a chain and what it calls. A rule that cannot be judged splits a path in two; paths whose states are equal
 * afterwards are one again, so an unjudged rule that makes no difference leaves no trace.
 * @returns the paths that left the chain at its end or by RETURN; terminal verdicts go to `ends`.
 */
export function walk(program: Program, chain: string, paths: readonly Path[], ends: End[], budget: Budget, depth = 0): readonly Path[] {
  const rules = program.rulesOf(chain);
  const giveUp = (why: string) => {
    for (const path of paths) ends.push({...path, kind: 'unknown', why});
    return [];
  };
  if (!rules) return giveUp(`chain ${chain} is not in the table`);
  if (depth > maxDepth) return giveUp(`more than ${maxDepth} chains deep at ${chain}`);
  const left: Path[] = [];
  let here = paths;
  for (const rule of rules) {
    if (here.length === 0) break;
    const next: Path[] = [];
    const jumps = new Map<string, {goto: boolean; chain: string; paths: Path[]}>();
    for (const path of here) {
      if (--budget.steps < 0) {
        ends.push({...path, kind: 'unknown', rule, why: 'the ruleset is too large to follow'});
        continue;
      }
      for (const effect of program.effects(rule, path.state)) {
        // Nearly every rule: it has nothing to say.
        if (effect.action.do === 'next' && effect.state === path.state && effect.branch === undefined) {
          next.push(path);
          continue;
        }
        const to = {
          ...path,
          state: effect.state,
          guesses: effect.branch === undefined ? path.guesses : new Map(path.guesses).set(rule, effect.branch),
        };
        if (effect.branch !== undefined) budget.guessed.add(rule);
        const {action} = effect;
        if (action.do === 'next') next.push(to);
        else if (action.do === 'return') left.push(to);
        else if (action.do === 'jump' || action.do === 'goto') {
          const key = `${action.do} ${action.chain}`;
          const jump = jumps.get(key) ?? {goto: action.do === 'goto', chain: action.chain, paths: []};
          jump.paths.push(to);
          jumps.set(key, jump);
        } else ends.push({...to, kind: action.do, rule, ...(action.do === 'unknown' ? {why: action.why} : {})});
      }
    }
    for (const jump of jumps.values()) {
      const back = walk(program, jump.chain, merge(jump.paths), ends, budget, depth + 1);
      (jump.goto ? left : next).push(...back);
    }
    here = merge(next);
    if (here.length > maxPaths) {
      for (const path of here) ends.push({...path, kind: 'unknown', rule, why: 'too many ways to follow'});
      return [];
    }
  }
  return merge([...left, ...here]);
}

/** Makes paths of equal state one, which keeps only the guesses both rest on. */
export function merge(paths: readonly Path[]): readonly Path[] {
  if (paths.length < 2) return paths;
  const merged = new Map<string, Path>();
  for (const path of paths) {
    const key = stateKey(path.state);
    const other = merged.get(key);
    merged.set(key, other ? {...other, guesses: agreed(other.guesses, path.guesses)} : path);
  }
  return [...merged.values()];
}

/** The guesses both make alike. */
export const agreed = (a: Guesses, b: Guesses): Guesses => new Map([...a].filter(([rule, branch]) => b.get(rule) === branch));
