import {toCloud} from '../../core/change/migration/to-cloud.js';
import type {Plan, Target} from '../../core/change/plan.js';
import {shownTarget, titleOf} from '../../core/change/title.js';
import {modeOf} from '../../core/modes/index.js';
import {ExitCode} from '../../exit-code.js';
import {Failure} from '../../failure.js';
import type {Evidence} from '../evidence.js';
import type {ChangePlan, ChangeReport} from '../reporters/documents.js';
import type {ChangeOptions} from './change-options.js';
import {clearTheWay} from './clear-the-way.js';
import {controlStages} from './control.js';
import {planDocument} from './plan-document.js';
import {type MigrateWish, type Prepared, prepareMigration, type Read, readAll} from './prepared.js';
import {runChange} from './run-change.js';
import {openRunners} from './runners.js';
import {type TargetWish, targetOf} from './target-of.js';
import {teller} from './tell.js';
import {unbegun} from './unbegun.js';

export interface MigrateOptions extends MigrateWish, ChangeOptions {
  readonly dryRun: boolean;
}

export type Migrated =
  | {readonly kind: 'ChangeReport'; readonly report: ChangeReport}
  | {readonly kind: 'ChangePlan'; readonly plan: ChangePlan};

/**
 * `flanctl migrate`: reads, plans, proves, asks the network, asks the operator, and runs.
 * @throws Failure when the source is no live one, the wish makes no sense, or only the operator can decide.
 */
export async function migrate(evidence: Evidence, wish: TargetWish, options: MigrateOptions): Promise<Migrated> {
  if (options.preFlipped && options.controller !== 'kube')
    throw new Failure('--pre-flipped goes with --controller kube: nobody else is waited for');
  const {signal} = options;
  const {reach} = evidence;
  if (!reach) throw new Failure('a snapshot cannot be changed: name live nodes', {hints: ['--inventory FILE', '--lab NAME']});
  const {refused: held, yes} = options.dryRun ? {yes: options.yes} : await clearTheWay('migrate', reach, options);
  if (held) return {kind: 'ChangeReport', report: held};
  const read = await readAll(evidence);
  signal.throwIfAborted();
  if (options.last !== undefined && !read.cluster.members.some((m) => m.name === options.last))
    throw new Failure(`--last: no such node: ${options.last}`);
  const target = targetOf(wish, read.cluster);
  const {mode, settings} = read.cluster;
  if (modeOf(target.type)?.fabric !== undefined) return planOnly(read, target, options);
  const title = titleOf({what: 'migrate', ...(mode && settings && {from: {type: mode.type, settings}}), to: target});
  await using runners = openRunners(reach.addresses, reach.transport);
  const told = await teller(options);
  const prepared = await prepareMigration(evidence, read, target, options, {runners, signal, onStep: told.step}).finally(told.end);
  const refused = refusal(prepared, title);
  if (refused) return {kind: 'ChangeReport', report: refused};
  const {plan, untried} = prepared as Extract<Prepared, {kind: 'plan'}>;
  if (plan.stages.length === 0 && !plan.control) {
    const because = [`every node runs ${shownTarget(target)} already`];
    return {
      kind: 'ChangeReport',
      report: unbegun({what: 'migrate', title, outcome: 'nothing-to-do', because, exit: ExitCode.ok, left: plan.left}),
    };
  }
  const whole: Plan = {...plan, warnings: [...plan.warnings, ...later(plan, untried)]};
  const control = await controlStages(whole, {
    nodes: read.cluster.members.map((m) => m.name),
    runners,
    signal,
    records: evidence.given.records,
    client: reach.client,
  });
  if (options.dryRun) return {kind: 'ChangePlan', plan: planDocument(whole, control)};
  const report = await runChange(whole, read, {
    ...options,
    yes,
    title,
    untried,
    reach,
    runners,
    control,
  });
  return {kind: 'ChangeReport', report};
}

/**
 * Where the cloud carries the packets: a plan to read.
 * @throws Failure when it was to be run
 */
function planOnly({views, cluster}: Read, target: Target, options: MigrateOptions): Migrated {
  const title = titleOf({
    what: 'migrate',
    ...(cluster.mode && cluster.settings && {from: {type: cluster.mode.type, settings: cluster.settings}}),
    to: target,
  });
  if (!options.dryRun)
    throw new Failure(
      `--to ${target.type}: its rows are the cloud's, and flanctl writes none: it plans such a change and does not run it`,
      {
        hints: [`flanctl migrate --to ${target.type} --dry-run`],
      },
    );
  const {canary, batch, last} = options;
  const made = toCloud(views, target, {canary, batch, ...(last !== undefined && {last})});
  return made.kind === 'plan'
    ? {kind: 'ChangePlan', plan: planDocument(made.plan)}
    : {kind: 'ChangeReport', report: unbegun({what: 'migrate', title, outcome: 'refused', because: made.because, exit: ExitCode.findings})};
}

function refusal(prepared: Prepared, title: string): ChangeReport | undefined {
  if (prepared.kind === 'plan') return undefined;
  if (prepared.kind === 'refused')
    return unbegun({what: 'migrate', title, outcome: 'refused', because: prepared.because, exit: ExitCode.findings});
  const {pods, from, to} = prepared;
  throw new Failure(`${pods} pods have an MTU of ${from}, and the tunnel carries ${to}: say what becomes of them, for no way is clean`, {
    hints: [
      '--pod-mtu set: they get the smaller MTU before the switch; full-sized UDP packets with DF that are under way at that moment are lost (about one of each flow: 5 to 7 of 16,200 measured), TCP is not disturbed',
      '--pod-mtu keep: they keep theirs until they are made anew; each flow of full-sized packets loses its first one to path MTU discovery, one round trip, and TCP sends some again (96 of 16,200 measured, no pause)',
    ],
  });
}

/** What could not be tried: said, and what comes of it. */
function later({stages}: Plan, untried: Extract<Prepared, {kind: 'plan'}>['untried']): readonly string[] {
  if (untried.length === 0) return [];
  const [first] = untried;
  const more = untried.length > 1 ? `, and ${untried.length - 1} more pairs` : '';
  const when = stages.some((s) => s.phase === 'loosen')
    ? 'it is tried when rp_filter is loose, before any route moves'
    : 'the first wave is the first to tell';
  return [`whether the network carries it could not be tried for ${first!.from} → ${first!.to} (${first!.why})${more}: ${when}`];
}
