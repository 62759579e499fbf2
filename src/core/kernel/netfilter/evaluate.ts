import {initialState, type Nat, type State} from './effect.js';
import type {Ruleset} from './iptables.js';
import type {NftRuleset} from './nft.js';
import type {Hook, Seen} from './packet.js';
import {natPriority, permutations, type Stage, sameTime, stagesOf} from './stages.js';
import {type AnyRule, agreed, type Budget, type End, type Guesses, merge, type Path, walk} from './walk.js';

/** What was gathered of one family. Undefined means not gathered (or not there): what that does to the verdict is the caller's to say. */
export interface Rulesets {
  readonly iptables?: Ruleset | undefined;
  readonly iptablesLegacy?: Ruleset | undefined;
  readonly nft?: NftRuleset | undefined;
}

/** Who decided: a rule, or the policy of a chain. */
export interface By {
  /** `-A FORWARD …`, an nft rule in nft's words, or `policy DROP`. */
  readonly text: string;
  readonly table: string;
  readonly chain: string;
  readonly command: string;
  readonly line: number;
  readonly policy: boolean;
}

export interface HookVerdict {
  readonly verdict: 'accept' | 'drop' | 'reject' | 'unknown';
  /** Absent when nothing at this hook had anything to say. */
  readonly by?: By;
  /** The NAT this hook begins; absent when there is none or it is not certain which. */
  readonly nat?: Nat;
  /** Where it is not certain (chance, sets): every NAT it may be; `none` among them when it may be none. */
  readonly natChoices?: readonly (Nat | 'none')[];
  /** The mark the packet leaves with. */
  readonly mark: number | 'unknown';
  /** What the packet looks like behind the hook, where all ways agree; the input to the next hook. */
  readonly after?: State;
  /** Where they do not agree: what it may look like, each way once. */
  readonly ways?: readonly State[];
  /** Texts of the rules that stood in the way of a certain verdict (or mark, or NAT). */
  readonly unknowns: readonly string[];
  /** For `unknown`: a reason besides those rules. */
  readonly why?: string;
}

/**
 * Says what netfilter does with one packet at one hook. All base chains there run in the order of their priority: an accept ends only its own
 * chain, a drop ends everything. Chains of one priority run in an order that the kernel keeps to itself (latest registered first), so every
 * order is tried. A guess that makes a difference gives `unknown`, never a silent accept.
 * @param recorded what the connection's NAT writes into the packet here; chains behind the NAT's priority see it
 */
export function evaluateHook(rulesets: Rulesets, hook: Hook, packet: Seen, recorded?: Partial<State>): HookVerdict {
  const at = atHook(packet, hook);
  const budget: Budget = {steps: 1_000_000, guessed: new Set()};
  const ends: End[] = [];
  let decided: By | undefined;
  let paths: readonly Path[] = [{state: initialState(at), guesses: new Map()}];
  const run = (stage: Stage, from: readonly Path[]): readonly Path[] => {
    const idle = from.filter((path) => skips(stage, path.state));
    const active = from.filter((path) => !skips(stage, path.state)).map((path) => ({...path, state: before(stage, path.state)}));
    const stageEnds: End[] = [];
    const left = walk(stage.program, stage.chain, active, stageEnds, budget);
    const passed: Path[] = [...idle];
    for (const end of stageEnds) {
      if (end.kind !== 'accept') ends.push(end);
      else passed.push({state: end.state, guesses: end.guesses, accepted: stage.nat ? end.accepted : end.rule});
    }
    const policy = policyOf(stage);
    if (stage.policy.toUpperCase() === 'DROP') for (const path of left) ends.push({...path, kind: 'drop', rule: policyRule(policy)});
    else passed.push(...left);
    if (!stage.nat && (!decided || stage.priority === 0)) decided = policy;
    return merge(passed.map((path) => ({...path, state: behind(stage, path.state, at)})));
  };
  let waiting = recorded;
  const translate = () => {
    // What a rule kept from conntrack is not translated either.
    const after = ({state}: Path): State => (state.ctstate === 'untracked' ? state : {...state, ...waiting});
    if (waiting) paths = merge(paths.map((path) => ({...path, state: after(path)})));
    waiting = undefined;
  };
  for (const group of sameTime(stagesOf(rulesets, hook, at))) {
    if (group[0] && !group[0].nat && group[0].priority > natPriority(hook)) translate();
    const from = paths;
    const orders = permutations(group);
    const order = orderRule(group);
    const results = orders.map((stages, i) => {
      const guessed = orders.length === 1 ? from : from.map((path) => ({...path, guesses: new Map(path.guesses).set(order, String(i))}));
      return stages.reduce<readonly Path[]>((now, stage) => (now.length === 0 ? now : run(stage, now)), guessed);
    });
    paths = merge(results.flat());
    if (results.some((result) => result.length < paths.length)) budget.guessed.add(order);
  }
  translate();
  return conclude(paths, ends, decided, packet, budget.guessed);
}

/** A device the hook does not have is the empty name to the kernel; and only frames to this host are forwarded. */
function atHook(packet: Seen, hook: Hook): Seen {
  const iif = hook === 'output' ? '' : hook === 'postrouting' ? (packet.iif ?? '') : packet.iif;
  const oif = hook === 'prerouting' || hook === 'input' ? '' : packet.oif;
  return {...packet, iif, oif, ...(hook === 'forward' && packet.pkttype === undefined ? {pkttype: 'unicast' as const} : {})};
}

/** NAT chains see the first packet of a connection, until one of them has set a NAT. */
const skips = (stage: Stage, state: State): boolean => stage.nat && (state.ctstate !== 'new' || state.nat !== undefined);

/** Before connection tracking ran (priority -200) a packet belongs to no connection, which matches as INVALID. */
const before = (stage: Stage, state: State): State =>
  stage.untracked && state.ctstate !== 'untracked' ? {...state, ctstate: 'invalid'} : state;
const behind = (stage: Stage, state: State, packet: Seen): State =>
  stage.untracked && state.ctstate === 'invalid' ? {...state, ctstate: packet.ctstate} : state;

const policyOf = (stage: Stage): By => ({
  text: `policy ${stage.policy}`,
  table: stage.table,
  chain: stage.chain,
  command: stage.origin.command,
  line: stage.origin.line,
  policy: true,
});

/** Not a rule but a fact nobody prints, to be named where a verdict hangs on it. */
function orderRule(group: readonly Stage[]): AnyRule {
  const [first] = group as readonly [Stage];
  const text = `order of ${group.map((stage) => `${stage.table} ${stage.chain} (${stage.origin.command})`).join(', ')}`;
  return {text, table: first.table, chain: first.chain, origin: {...first.origin, raw: text}};
}

const policyRules = new WeakMap<AnyRule, By>();
function policyRule(by: By): AnyRule {
  const rule: AnyRule = {text: by.text, table: by.table, chain: by.chain, origin: {command: by.command, line: by.line, raw: by.text}};
  policyRules.set(rule, by);
  return rule;
}

const byOf = (rule: AnyRule | undefined): By | undefined =>
  rule &&
  (policyRules.get(rule) ?? {
    text: rule.text,
    table: rule.table,
    chain: rule.chain,
    command: rule.origin.command,
    line: rule.origin.line,
    policy: false,
  });

/** The guesses the verdict hangs on: those all ways to one verdict share, and, should they share none, every one that was made. */
function decisive(paths: readonly Path[], ends: readonly End[], guessed: ReadonlySet<AnyRule>): readonly AnyRule[] {
  const groups = new Map<string, Guesses>();
  const add = (kind: string, {guesses}: Path) => groups.set(kind, agreed(groups.get(kind) ?? guesses, guesses));
  for (const path of paths) add('accept', path);
  for (const end of ends) add(end.kind, end);
  const shared = [...groups.values()].flatMap((guesses) => [...guesses.keys()]);
  return shared.length > 0 ? shared : [...guessed];
}

function conclude(
  paths: readonly Path[],
  ends: readonly End[],
  decided: By | undefined,
  packet: Seen,
  guessed: ReadonlySet<AnyRule>,
): HookVerdict {
  const kinds = new Set<HookVerdict['verdict']>(ends.map((end) => end.kind as HookVerdict['verdict']));
  if (paths.length > 0) kinds.add('accept');
  const [kind = 'unknown'] = kinds;
  // Dropped or rejected, by whichever chain comes first: it is stopped, and the first is named.
  const stopped = !kinds.has('accept') && !kinds.has('unknown');
  if ((kinds.size !== 1 && !stopped) || kind === 'unknown') {
    const whys = ends.filter((end) => end.kind === 'unknown');
    const texts = [...decisive(paths, ends, guessed), ...whys.flatMap((end) => end.rule ?? [])].map((rule) => rule.text);
    const why = whys.find((end) => end.why)?.why;
    return {verdict: 'unknown', mark: 'unknown', unknowns: [...new Set(texts)], ...(why === undefined ? {} : {why})};
  }
  if (kind !== 'accept') {
    const by = byOf(ends[0]?.rule);
    return {verdict: kind, mark: packet.mark ?? 'unknown', unknowns: [], ...(by ? {by} : {})};
  }
  const own = paths.flatMap((path) => [...path.guesses.keys()]);
  const [first, ...others] = paths as readonly [Path, ...Path[]];
  const by = byOf(paths.find((path) => path.accepted)?.accepted) ?? decided;
  const marks = new Set(paths.map((path) => path.state.mark));
  const mark = marks.size === 1 ? (first.state.mark ?? 'unknown') : 'unknown';
  const nats = [...new Map(paths.map(({state: {nat}}) => [`${nat?.kind} ${nat?.to}`, nat])).values()];
  const nat = nats.length === 1 ? nats[0] : undefined;
  return {
    verdict: 'accept',
    mark,
    unknowns: others.length === 0 ? [] : [...new Set((own.length > 0 ? own : [...guessed]).map((rule) => rule.text))],
    ...(by ? {by} : {}),
    ...(nat ? {nat} : {}),
    ...(nats.length > 1 ? {natChoices: nats.map((choice) => choice ?? ('none' as const))} : {}),
    ...(others.length === 0 ? {after: first.state} : {ways: paths.map((path) => path.state)}),
  };
}
