import type {Given} from '../core/model/cluster.js';
import type {Disposition} from '../core/path/disposition.js';
import type {PathStep, Walk} from '../core/path/step.js';
import type {Finding} from '../core/rules/fold.js';
import {atLeast} from '../core/rules/fold.js';
import {rules} from '../core/rules/index.js';
import type {Stage} from '../core/rules/rule.js';
import {ExitCode} from '../exit-code.js';
import {type Dumps, diagnose} from './diagnose.js';
import type {TraceReport} from './reporters/documents.js';
import type {Traced} from './trace.js';

type Direction = TraceReport['directions'][number];

/** The document of a trace; doctor judges the same evidence where a direction is broken. */
export async function explainedReport(
  traced: Traced,
  packet: Parameters<typeof traceReport>[1],
  evidence: Dumps & {readonly given: Given},
  assumeFabric: boolean,
): Promise<TraceReport> {
  const broken = [traced.there, traced.back].some((walk) => walk?.verdict.kind === 'broken');
  const findings = broken ? (await diagnose(evidence, evidence.given, rules)).findings : [];
  return traceReport(traced, packet, findings, assumeFabric);
}

/** The document of a trace. `findings` are what doctor says of the same evidence; the one that explains a broken direction is named. */
export function traceReport(
  traced: Traced,
  packet: {readonly proto: 'tcp' | 'udp' | 'icmp'; readonly port: number | null},
  findings: readonly Finding[],
  assumeFabric: boolean,
): TraceReport {
  const walks = traced.back ? [traced.there, traced.back] : [traced.there];
  const end = (which: 'from' | 'to') => {
    const {name, kind, node, addresses} = traced[which];
    return {name, kind, node: node ?? null, address: addresses[traced.family] ?? null};
  };
  const ends = [traced.from.node, traced.to.node].flatMap((n) => n ?? []);
  const directions = walks.map((walk) => direction(walk, findings, ends));
  return {
    from: end('from'),
    to: end('to'),
    packet: {family: traced.family, ...packet, size: traced.size},
    directions,
    nodes: traced.nodes,
    exit: exitOf(walks, assumeFabric),
  };
}

/** Broken wins; then what is not known, or rests on a hop that nobody could look at and of which nobody said anything. */
function exitOf(walks: readonly Walk[], assumeFabric: boolean): number {
  const verdicts = walks.map((w) => w.verdict);
  if (verdicts.some((v) => v.kind === 'broken')) return ExitCode.findings;
  if (verdicts.some((v) => v.kind === 'unknown')) return ExitCode.incomplete;
  const guessed = verdicts.some((v) => v.kind === 'reachable' && v.certainty !== 'observed' && v.certainty !== 'declared');
  return guessed && !assumeFabric ? ExitCode.incomplete : ExitCode.ok;
}

function direction(walk: Walk, findings: readonly Finding[], ends: readonly string[]): Direction {
  const {verdict} = walk;
  const broken = verdict.kind === 'broken';
  const finding = broken ? explaining(walk, verdict.disposition, findings, ends) : undefined;
  return {
    from: walk.from,
    to: walk.to,
    verdict: verdict.kind,
    certainty: verdict.kind === 'reachable' ? verdict.certainty : null,
    hop: verdict.kind === 'reachable' ? null : verdict.hop,
    disposition: verdict.kind === 'reachable' ? null : verdict.disposition,
    because: verdict.kind === 'reachable' ? null : verdict.because,
    pathMtu: walk.pathMtu ?? null,
    hops: walk.hops.map(({number, place, steps}) => ({number, place, steps: steps.map(stepOf)})),
    explained: finding
      ? {id: finding.id, rule: finding.rule, node: finding.node, message: finding.message, remedy: finding.remedy, doc: finding.doc}
      : null,
  };
}

const stepOf = ({
  kind,
  node,
  pod,
  dev,
  text,
  evidence,
  certainty,
  end,
  crossing,
}: PathStep): Direction['hops'][number]['steps'][number] => ({
  kind,
  node,
  pod: pod ?? null,
  dev: dev ?? null,
  text,
  certainty,
  end: end ?? null,
  evidence,
  crossing: crossing ? {...crossing, seen: null} : null,
});

/** Where in the chain of causes a fault that ends a packet like this stands. */
const stagesOf: {readonly [D in Exclude<Disposition, 'delivered' | 'left-cluster' | 'unknown'>]: readonly Stage[]} = {
  // From outside no route leads to a pod that was not masqueraded.
  'no-route': ['route', 'policy', 'device', 'lease', 'pod', 'firewall'],
  refused: ['route', 'policy'],
  'not-forwarded': ['sysctl'],
  'reverse-path': ['sysctl', 'policy', 'route'],
  martian: ['route', 'policy', 'device', 'lease', 'pod'],
  // Into a cloud's network and out again, where the bridge that should take the packet is down.
  looped: ['route', 'policy', 'lease', 'device'],
  'no-neighbour': ['neigh', 'route', 'policy', 'device', 'lease', 'pod'],
  'wrong-neighbour': ['neigh', 'pod'],
  'no-fdb': ['fdb', 'neigh', 'device'],
  'wrong-tunnel-end': ['fdb', 'lease', 'device'],
  'no-tunnel': ['device', 'lease'],
  'wrong-vtep': ['neigh', 'device', 'lease'],
  'no-peer': ['fdb', 'lease', 'device', 'route'],
  'wrong-key': ['lease', 'fdb', 'device'],
  'not-allowed': ['fdb', 'lease'],
  'no-association': ['policy', 'device', 'mtu', 'lease'],
  unprotected: ['policy', 'device', 'mtu', 'lease'],
  // With a device that is set down its routes go, too; rules may still lead to that of a pod that is gone.
  'device-down': ['device', 'pod', 'route', 'policy'],
  'bridge-port': ['pod', 'device'],
  'too-big': ['mtu'],
  // IPsec's policies may block, too.
  filtered: ['firewall', 'policy'],
  // It may also be the cloud that has the address elsewhere.
  'source-check': ['policy', 'route', 'lease', 'device'],
  'no-listener': ['pod', 'lease', 'device', 'route'],
};

/**
 * The error of doctor's that explains where the packet ended: about the very thing that it ended at, or on that node or on one of the ends,
 * about the other end or about nobody in particular, of a fitting stage; among several the one that fits best, then the one doctor names first.
 */
function explaining(walk: Walk, disposition: Disposition, findings: readonly Finding[], ends: readonly string[]): Finding | undefined {
  const {node: last, about}: {readonly node?: string; readonly about?: string} = walk.hops.at(-1)?.steps.at(-1) ?? {};
  const before = walk.hops
    .flatMap((h) => h.steps)
    .filter((s) => s.node !== 'underlay')
    .at(-1)?.node;
  const at = last === 'underlay' ? before : last;
  const stages: readonly Stage[] = (stagesOf as {readonly [D in Disposition]?: readonly Stage[]})[disposition] ?? [];
  const fits = (f: Finding): boolean => [f, ...f.consequences].some((one) => stages.includes(one.stage));
  const isAbout = (f: Finding): boolean => about !== undefined && f.subject.split(', ').includes(about);
  const score = (f: Finding): number =>
    (isAbout(f) ? 16 : 0) +
    (fits(f) ? 4 : 0) +
    (f.node === at ? 2 : 0) +
    (f.peers.length === 0 || f.peers.some((p) => ends.includes(p)) ? 1 : 0);
  return findings
    .filter((f) => atLeast(f.severity, 'warning') && (isAbout(f) || f.node === at || ends.includes(f.node)) && fits(f))
    .map((f) => ({f, n: score(f) + (f.severity === 'error' ? 8 : 0)}))
    .toSorted((a, b) => b.n - a.n)[0]?.f;
}
