import type {Plan} from '../../core/change/plan.js';
import {probeEnd} from '../../core/change/probe-ends.js';
import {largestOf} from '../../core/change/proof/largest.js';
import {simulate} from '../../core/change/simulate.js';
import type {Family} from '../../core/net/address.js';
import type {NodeState} from '../../core/node/state.js';
import type {Reach} from '../evidence.js';
import type {ChangeReport} from '../reporters/documents.js';
import {agree} from './agree.js';
import type {ChangeOptions} from './change-options.js';
import {Chronicle, changeReport} from './change-report.js';
import {encryptedGate, encryptingOf} from './encrypting.js';
import {execute} from './executor.js';
import {type Gate, gateOf} from './gate.js';
import {newHeader} from './header.js';
import {mayChange} from './kube-access.js';
import {holdLease} from './kube-lease.js';
import {Ledger} from './ledger.js';
import {mesh, pairName, type Runner} from './mesh.js';
import {openOperated} from './operator-of.js';
import {podAddresses} from './preflight/direct.js';
import type {Findings} from './preflight/findings.js';
import type {Read} from './prepared.js';
import {reviewOf} from './review.js';
import {type ChangeStage, stagesOf, withControl} from './stages.js';
import {teller, watchInterrupts} from './tell.js';

export interface RunOptions extends Omit<ChangeOptions, 'forceUnlock'> {
  readonly title: string;
  /** Pairs that could not be tried while rp_filter was strict: tried as soon as it is not. */
  readonly untried?: Findings['untried'];
  readonly reach: Reach;
  readonly runners: ReadonlyMap<string, Runner>;
  /** What the plan's controller adds. */
  readonly control: readonly ChangeStage[];
}

/**
 * Asks, and runs a plan to its end, good or bad: what answers before is what every gate asks for, and a ledger counts all the while.
 * @throws Failure when it was not confirmed.
 */
export async function runChange(plan: Plan, {cluster, views}: Pick<Read, 'cluster' | 'views'>, options: RunOptions): Promise<ChangeReport> {
  const {reach, runners, signal, title, ttl} = options;
  const {stages, planned} = withControl(stagesOf(plan), options.control, plan);
  const encrypting = encryptingOf(plan, stages, options.control.length);
  const nodes = [...new Set(stages.flatMap((s) => s.work.map((w) => w.node)))].toSorted();
  const refused = await agree(plan, {...options, nodes});
  if (refused) return refused;
  const states = new Map(views.map((v) => [v.name, v.state]));
  const ends = views.flatMap((v) => probeEnd(v) ?? []);
  const largest = (family: Family) => largestOf(plan, cluster, [...states.values()], family);
  const sizes = {4: largest(4), 6: largest(6)};
  const size = (pair: {readonly family: Family}) => sizes[pair.family];
  const told = await teller(options);
  told.step('what answers now');
  const baseline = await mesh(runners, ends, {signal, size});
  const gate = gateOf({
    plan,
    before: states,
    networks: cluster.networks,
    addresses: reach.addresses,
    gather: {transport: reach.transport, timeoutMs: reach.timeoutMs, concurrency: reach.concurrency},
    runners,
    ends,
    baseline,
    size,
    // A gate of a change that is turned back would only hold that up; ^C is looked at between stages.
    signal: new AbortController().signal,
  });
  const silent = baseline.pairs.filter((pair) => pair.small !== true).map(pairName);
  const judge = withPodAddresses(gate, plan, options, cluster, states);
  // A list that long would say that nothing worked; without it a rollback asks for what answers then.
  const header = {...newHeader(title, nodes), largest: sizes, ...(silent.length <= 2000 && {silent})};
  const overApi = options.control.flatMap((s) => s.work.flatMap((w) => w.operations ?? [])).filter((op) => op.on === 'kube');
  const namespace = overApi[0]?.namespace;
  if (namespace !== undefined && reach.client)
    await mayChange(
      reach.client,
      namespace,
      overApi.every((op) => op.do !== 'config' || op.wait),
    );
  await using _lease =
    namespace !== undefined && reach.client
      ? await holdLease(reach.client, namespace, `${header.operator}, ${header.id}`, Math.max(ttl, 15))
      : undefined;
  const agents = await openOperated(reach, told.step);
  const ledger =
    options.probeInterval > 0
      ? await Ledger.open(runners, ends, {
          id: header.id,
          interval: options.probeInterval,
          silent: new Set(silent),
          signal: new AbortController().signal,
        })
      : undefined;
  const chronicle = new Chronicle();
  const watched = watchInterrupts(header.id, nodes, told, options);
  try {
    const {sshConfig} = reach.transport;
    told.stages(stages);
    const outcome = await execute({
      change: {
        header,
        stages,
        addresses: reach.addresses,
        ttl,
        largest: sizes,
        ...(encrypting && {encrypting}),
        ...(sshConfig !== undefined && {sshConfig}),
        ...(reach.kube && {kube: reach.kube}),
      },
      agents,
      concurrency: reach.concurrency,
      review: reviewOf({reach, runners, ends, baseline, size}),
      async gate(stage, touched) {
        const found = await judge(planned(stage), touched);
        if (!found.ok || !encrypting) return found;
        const send = (unbroken: AbortSignal) => mesh(runners, ends, {signal: unbroken, size});
        return encryptedGate(encrypting, stage, {cluster, runners, stages: stages.length, send});
      },
      onEvent: (event) => {
        chronicle.hear(event);
        told.hear(event);
      },
      signal,
    });
    watched.end();
    if (ledger) told.step('what the ledger counted');
    const counted = await ledger?.close();
    return changeReport({
      what: plan.what,
      outcome,
      stages: stages.map(({phase, title: name, work}, stage) => ({
        stage,
        phase,
        title: name,
        nodes: work.map((w) => w.node),
        operations: plan.stages.find((s) => s.title === name)?.work.reduce((n, w) => n + w.operations.length, 0) ?? null,
      })),
      warnings: plan.warnings,
      ...(plan.cuts && {cuts: plan.cuts}),
      left: plan.left,
      ledger: counted ?? null,
      chronicle,
    });
  } finally {
    watched.end();
    await ledger?.close();
    await told.end();
    await Promise.all([...agents.values()].map((agent) => agent[Symbol.asyncDispose]()));
  }
}

/** Once rp_filter is loose everywhere: does the underlay carry pod addresses between the pairs that could not be asked before? */
function withPodAddresses(
  gate: Gate,
  plan: Plan,
  {untried = [], runners, signal}: RunOptions,
  cluster: Read['cluster'],
  states: ReadonlyMap<string, NodeState>,
): Gate {
  const last = plan.stages.findLastIndex((s) => s.phase === 'loosen');
  return async (stage, nodes) => {
    const found = await gate(stage, nodes);
    if (!found.ok || stage !== last || untried.length === 0) return found;
    const now = new Map(
      [...states].map(([name, state]) => [
        name,
        simulate(
          state,
          plan.stages[stage]!.work.flatMap((w) => (w.node === name ? w.operations : [])),
        ),
      ]),
    );
    const pairs = new Set(untried.map((u) => `${u.from} ${u.to}`));
    const {refused} = await podAddresses({plan, cluster, runners, signal}, now, pairs);
    return {ok: refused.length === 0, because: refused};
  };
}
