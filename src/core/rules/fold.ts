import type {Observation, Rule, Severity, Stage, Step} from './rule.js';
import {stages} from './rule.js';
import type {Token} from './token.js';

/** One fault, with what follows from it folded underneath. */
export interface Finding {
  /** `<rule>@<node>`, with `#n` when one rule finds two different faults on a node. Stable for the same state. */
  readonly id: string;
  readonly rule: string;
  readonly severity: Severity;
  readonly stage: Stage;
  readonly node: string;
  readonly subject: string;
  readonly message: string;
  readonly evidence: Observation['evidence'];
  readonly cause: string;
  readonly effect: string;
  readonly remedy: {readonly summary: string; readonly steps: readonly Step[]};
  /** The steps mend it and flanctl may run them by itself (`apply`). */
  readonly fixable: boolean;
  readonly fix: 'safe' | 'ask' | 'no';
  readonly peers: readonly string[];
  readonly doc: string;
  readonly consequences: readonly Finding[];
}

const weight: {readonly [S in Severity]: number} = {error: 0, warning: 1, info: 2};
export const worse = (a: Severity, b: Severity): Severity => (weight[a] <= weight[b] ? a : b);
export const atLeast = (severity: Severity, threshold: Severity): boolean => weight[severity] <= weight[threshold];

interface Draft extends Finding {
  readonly order: number;
  readonly dependsOn: ReadonlySet<Token>;
  readonly breaks: ReadonlySet<Token>;
  readonly replay: boolean;
}

export interface Judged {
  readonly rule: Rule;
  readonly node: string;
  readonly observations: readonly Observation[];
  /** How flannel is restarted here, where the remedy is to do so. */
  readonly restart?: string;
}

/**
 * Merges what one rule says of one node into one finding, and hangs each finding under its cause: the earliest finding that breaks
 * something it depends on. Sorted by severity, then by stage, then by node.
 */
export function fold(judged: Iterable<Judged>): readonly Finding[] {
  const drafts = [...judged].flatMap(merge);
  const causeOf = new Map<Draft, Draft>();
  const breakers = new Map<Token, Draft[]>();
  for (const draft of drafts) {
    for (const token of draft.breaks) {
      const held = breakers.get(token);
      if (held) held.push(draft);
      else breakers.set(token, [draft]);
    }
  }
  for (const draft of drafts) {
    const causes = [...draft.dependsOn]
      .flatMap((token) => breakers.get(token) ?? [])
      .filter((other) => other !== draft && other.order < draft.order);
    const [first] = causes.toSorted((a, b) => a.order - b.order || compare(a.id, b.id));
    if (first) causeOf.set(draft, first);
  }
  const root = (draft: Draft): Draft => {
    const cause = causeOf.get(draft);
    return cause ? root(cause) : draft;
  };
  const children = new Map<Draft, Draft[]>();
  for (const draft of drafts) {
    if (!causeOf.has(draft)) continue;
    const top = root(draft);
    children.set(top, [...(children.get(top) ?? []), draft]);
  }
  return sort(drafts.filter((draft) => !causeOf.has(draft)).map((draft) => finish(draft, children.get(draft) ?? [])));
}

function merge({rule, node, observations, restart}: Judged): Draft[] {
  const groups = new Map<string, Observation[]>();
  for (const observation of observations) {
    const key = `${observation.severity ?? rule.severity} ${observation.node ?? node}`;
    const held = groups.get(key);
    if (held) held.push(observation);
    else groups.set(key, [observation]);
  }
  return [...groups.values()].map((group, index) => {
    const [first] = group as [Observation, ...Observation[]];
    const at = first.node ?? node;
    const more = group.length - 1;
    return {
      id: `${rule.id}@${at}${index === 0 || groups.size === 1 ? '' : `#${index + 1}`}`,
      rule: rule.id,
      severity: first.severity ?? rule.severity,
      stage: rule.stage,
      node: at,
      subject: group.map((o) => o.subject).join(', '),
      message: more === 0 ? first.message : `${first.message} (and ${more} more like it)`,
      evidence: group.flatMap((o) => o.evidence),
      cause: rule.cause,
      effect: [...new Set(group.map((o) => o.effect ?? rule.effect))].join('; '),
      remedy: {
        summary: restart === undefined ? rule.remedy : `${rule.remedy} ${restart}`,
        steps: distinct(group.flatMap((o) => o.steps ?? [])),
      },
      fix: rule.fix,
      fixable: rule.fix !== 'no' && group.every((o) => (o.steps ?? []).length > 0),
      peers: [...new Set(group.flatMap((o) => o.peers ?? []))].sort(),
      doc: `docs/rules/${rule.id}.md`,
      consequences: [],
      order: stages.indexOf(rule.stage) - (rule.early === true ? 0.5 : 0),
      dependsOn: new Set(group.flatMap((o) => o.dependsOn ?? [])),
      breaks: new Set(group.flatMap((o) => o.breaks ?? [])),
      replay: rule.replay === true,
    };
  });
}

function finish(draft: Draft, consequences: readonly Draft[]): Finding {
  const sorted = sort(consequences.map((c) => finish(c, [])));
  const {order: _order, dependsOn: _dependsOn, breaks: _breaks, replay, ...finding} = draft;
  const steps = replay ? distinct([...finding.remedy.steps, ...sorted.flatMap((c) => c.remedy.steps)]) : finding.remedy.steps;
  return {
    ...finding,
    severity: sorted.reduce((worst, c) => worse(worst, c.severity), finding.severity),
    remedy: {...finding.remedy, steps},
    // With part of it left unmended it is not fixed; what has no commands of its own may be mended by those of its consequences.
    fixable: finding.fixable || (replay && finding.remedy.steps.length === 0 && finding.fix !== 'no' && steps.length > 0),
    consequences: sorted,
  };
}

const distinct = (steps: readonly Step[]): readonly Step[] => [
  ...new Map(steps.map((step) => [`${step.node}\0${step.run}`, step])).values(),
];

const sort = (findings: readonly Finding[]): readonly Finding[] =>
  findings.toSorted(
    (a, b) =>
      weight[a.severity] - weight[b.severity] ||
      stages.indexOf(a.stage) - stages.indexOf(b.stage) ||
      compare(a.node, b.node) ||
      compare(a.id, b.id),
  );

/** Node names with numbers in their natural order: n2 before n10. */
export function compare(a: string, b: string): number {
  const parts = (text: string) => text.split(/(\d+)/);
  const [x, y] = [parts(a), parts(b)];
  for (let i = 0; i < Math.min(x.length, y.length); i++) {
    if (x[i] === y[i]) continue;
    const [n, m] = [Number(x[i]), Number(y[i])];
    if (i % 2 === 1 && n !== m) return n - m;
    return x[i]! < y[i]! ? -1 : 1;
  }
  return x.length - y.length;
}
