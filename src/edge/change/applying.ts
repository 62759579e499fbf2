import {randomBytes} from 'node:crypto';
import {hostname, userInfo} from 'node:os';
import {createInterface} from 'node:readline/promises';
import type {Plan} from '../../core/change/plan.js';
import {probeEnd} from '../../core/change/probe-ends.js';
import {view} from '../../core/model/view.js';
import {ExitCode} from '../../exit-code.js';
import {Failure} from '../../failure.js';
import type {Reach} from '../evidence.js';
import type {ChangeReport} from '../reporters/documents.js';
import {printable} from '../ui/escape.js';
import {execute} from './executor.js';
import {gateOf} from './gate.js';
import {mesh, pairName} from './mesh.js';
import {openAgents} from './node-agent.js';
import {type ChangeEvent, exitOf, type Outcome} from './outcome.js';
import type {Prepared} from './preparing.js';
import {reviewOf} from './review.js';
import {openRunners} from './runners.js';
import {stagesOf} from './stages.js';

export interface ApplyOptions {
  readonly reach: Reach;
  /** Was yes said on the command line? */
  readonly yes: boolean;
  /** Nodes whose irreversible operations the operator takes. */
  readonly accepted: readonly string[];
  /** Seconds without a word from here after which a node undoes its part. */
  readonly ttl: number;
  readonly signal: AbortSignal;
  readonly notice: (message: string) => void;
}

/**
 * Runs a plan: refused when it holds what cannot be taken back and nobody accepted; then the executor's journal, timers and gates.
 * @throws Failure where a yes is needed and there is no terminal to ask on
 */
export async function applyPlan({plan, cluster, states}: Prepared, options: ApplyOptions): Promise<ChangeReport> {
  const {reach, signal, notice} = options;
  const nodes = [...new Set(plan.stages.flatMap((s) => s.work.map((w) => w.node)))].toSorted();
  const title = `${plan.what} ${plan.to.type}`;
  const header = {id: newId(), title, operator: operator(), since: new Date().toISOString(), nodes};
  const began = Date.now();
  const report = (outcome: ChangeReport['outcome'], because: readonly string[], exit: number, ended?: Outcome): ChangeReport => ({
    id: ended === undefined || outcome === 'refused' ? null : header.id,
    what: plan.what,
    title,
    operator: header.operator,
    since: header.since,
    seconds: (Date.now() - began) / 1000,
    nodes,
    outcome,
    because: [...because],
    stages: plan.stages.map(({phase, title: name, work}, i) => ({
      phase,
      title: name,
      nodes: work.map((w) => w.node),
      operations: work.reduce((n, w) => n + w.operations.length, 0),
      state: ended?.stages.find((s) => s.stage === i)?.state ?? 'not-reached',
      at: null,
      seconds: null,
    })),
    warnings: [...plan.warnings],
    left: [...plan.left, ...(ended?.left ?? [])],
    ledger: null,
    exit,
  });
  if (nodes.length === 0) return report('nothing-to-do', [], ExitCode.ok);
  const refused = plan.irreversible.filter(({node}) => !options.accepted.includes(node));
  if (refused.length > 0) {
    const because = refused.map((i) => `${i.node}: ${i.what} cannot be taken back: ${i.why} (--accept-irreversible ${i.node})`);
    return report('refused', because, ExitCode.findings);
  }
  for (const line of plan.warnings) notice(`warning: ${line}`);
  if (!(await confirmed(plan, nodes, options))) return report('refused', ['not confirmed'], ExitCode.findings);

  await using runners = openRunners(reach.addresses, reach.transport);
  const ends = [...states.values()].flatMap((state) => probeEnd(view(cluster, state)) ?? []);
  notice('what answers now');
  const baseline = await mesh(runners, ends, {signal});
  const silent = baseline.pairs.filter((pair) => pair.small !== true).map(pairName);
  const agents = await openAgents(reach.addresses, {transport: reach.transport, timeoutMs: reach.timeoutMs});
  const {sshConfig} = reach.transport;
  try {
    const outcome = await execute({
      change: {
        header: {...header, ...(silent.length <= 2000 && {silent})},
        stages: stagesOf(plan),
        addresses: reach.addresses,
        ttl: options.ttl,
        ...(sshConfig !== undefined && {sshConfig}),
      },
      agents,
      concurrency: reach.concurrency,
      review: reviewOf({reach, runners, ends, baseline}),
      gate: gateOf({
        plan,
        before: states,
        networks: cluster.networks,
        addresses: reach.addresses,
        gather: {transport: reach.transport, timeoutMs: reach.timeoutMs, concurrency: reach.concurrency},
        runners,
        ends,
        baseline,
        // ^C is looked at between stages; a gate that was cut short would only hold up what follows.
        signal: new AbortController().signal,
      }),
      onEvent: (event) => {
        const line = said(event);
        if (line !== undefined) notice(line);
      },
      signal,
    });
    return report(outcome.kind, outcome.because, exitOf(outcome), outcome);
  } finally {
    await Promise.all([...agents.values()].map((agent) => agent[Symbol.asyncDispose]()));
  }
}

/** Sorts by time: `20261121-101500-4f2a`. */
const newId = (): string =>
  `${new Date().toISOString().slice(0, 19).replaceAll(/[-:]/g, '').replace('T', '-')}-${randomBytes(2).toString('hex')}`;

function operator(): string {
  const user = process.env['SUDO_USER'];
  if (user) return `${user}@${hostname()}`;
  try {
    return `${userInfo().username}@${hostname()}`;
  } catch {
    // A user without an entry in passwd, as in many containers.
    return `uid ${process.getuid?.() ?? '?'}@${hostname()}`;
  }
}

async function confirmed(plan: Plan, nodes: readonly string[], {yes, signal}: ApplyOptions): Promise<boolean> {
  if (yes) return true;
  if (process.stdin.isTTY !== true || process.stderr.isTTY !== true) {
    throw new Failure('a change of live nodes needs a yes, and there is no terminal to ask on', {
      hints: ['--yes says it beforehand', '--dry-run shows what would be done'],
    });
  }
  const operations = plan.stages.reduce((n, s) => n + s.work.reduce((m, w) => m + w.operations.length, 0), 0);
  const lines = createInterface({input: process.stdin, output: process.stderr});
  try {
    const question = `${operations} operations on ${nodes.join(', ')}. Go on?`;
    return /^y(es)?$/i.test((await lines.question(`${printable(question)} [y/N] `, {signal})).trim());
  } finally {
    lines.close();
  }
}

/** What is told of an event, a line each. */
function said(event: ChangeEvent): string | undefined {
  if (event.kind === 'armed') return `locked, with a dead-man timer of ${event.ttl} s: ${event.nodes.join(', ')}`;
  if (event.kind === 'stage') return event.state === 'begun' ? undefined : `${event.state === 'done' ? '✔' : '✖'} ${event.title}`;
  if (event.kind === 'gate' && event.state === 'shut') return `✖ the gate is shut: ${event.because.join('; ')}`;
  if (event.kind === 'turning-back') return `turning back: ${event.because.join('; ')}`;
  if (event.kind === 'undo') return event.state === 'begun' ? undefined : `${event.state === 'done' ? '↺' : '✖'} undone: ${event.title}`;
  if (event.kind === 'waiting') return `${event.nodes.join(', ')} not reached: within ${Math.ceil(event.seconds)} s they undo their part`;
  return undefined;
}
