import {probeEnd} from '../../core/change/probe-ends.js';
import {ExitCode} from '../../exit-code.js';
import {Failure} from '../../failure.js';
import type {Evidence} from '../evidence.js';
import type {ChangeReport} from '../reporters/documents.js';
import {Chronicle, changeReport} from './change-report.js';
import {encryptedGate, encryptedSoFar} from './encrypting.js';
import {type SavedChange, savedChange, savedEnd, savedIds} from './local-journal.js';
import {mesh, worse} from './mesh.js';
import {openOperated} from './operator-of.js';
import {readAll} from './prepared.js';
import {resume} from './resume.js';
import {reviewOf} from './review.js';
import {type Remembered, remember} from './rollback.js';
import {openRunners} from './runners.js';
import {teller, watchInterrupts} from './tell.js';

export interface ResumeOptions {
  readonly signal: AbortSignal;
  readonly quiet: boolean;
  readonly notice: (message: string) => void;
  readonly parting: (words: string | undefined) => void;
}

/**
 * Goes on with the newest change that this machine began and did not end. Its gates ask for every pair that answers now; the tables of the
 * nodes are no longer compared with the plan, which began from another state.
 * @throws Failure when there is none, or its nodes cannot be reached.
 */
export async function resumeChange(evidence: Evidence, {signal, quiet, notice, parting}: ResumeOptions): Promise<ChangeReport> {
  const {reach} = evidence;
  if (!reach) throw new Failure('a snapshot cannot be changed: name live nodes', {hints: ['--inventory FILE', '--lab NAME']});
  const agents = await openOperated(reach, notice);
  try {
    const remembered = await remember(agents, reach.concurrency);
    const change = await newestOpen(remembered);
    notice(`${change.header.title} (${change.header.id}, begun ${change.header.since})`);
    const {views, cluster} = await readAll(evidence);
    await using runners = openRunners(reach.addresses, reach.transport);
    const ends = views.flatMap((v) => probeEnd(v) ?? []);
    const {largest} = change;
    const sized = largest && {size: ({family}: {readonly family: 4 | 6}) => largest[family]};
    const baseline = await mesh(runners, ends, {signal, ...sized});
    const chronicle = new Chronicle();
    const {ttl, header, stages: all, encrypting} = change;
    const encrypted = {
      cluster,
      runners,
      stages: all.length,
      send: (unbroken: AbortSignal) => mesh(runners, ends, {signal: unbroken, ...sized}),
    };
    const told = await teller({quiet, ttl, notice});
    told.stages(all);
    const watched = watchInterrupts(header.id, header.nodes, told, {ttl, signal, parting});
    const outcome = await resume(change, remembered, {
      agents,
      review: reviewOf({reach, runners, ends, baseline, ...sized}),
      concurrency: reach.concurrency,
      signal,
      async gate(stage, nodes) {
        const because = worse(baseline, await mesh(runners, ends, {signal: new AbortController().signal, touching: nodes, ...sized}));
        return because.length > 0 || !encrypting ? {ok: because.length === 0, because} : encryptedGate(encrypting, stage, encrypted);
      },
      ...(encrypting && {soFar: (done) => encryptedSoFar(encrypting, done, encrypted)}),
      onEvent(event) {
        chronicle.hear(event);
        told.hear(event);
      },
    }).finally(async () => {
      watched.end();
      await told.end();
    });
    const stages = all.map(({phase, title, work}, stage) => ({
      stage,
      phase,
      title,
      nodes: work.map((w) => w.node),
      operations: null,
    }));
    return changeReport({what: 'migrate', outcome, stages, chronicle});
  } finally {
    await Promise.all([...agents.values()].map((agent) => agent[Symbol.asyncDispose]()));
  }
}

/**
 * A change that left something, as on a node that could not be told of its end, is not ended. This machine may have begun changes of other
 * clusters: only one that a node of this one knows can go on, or one whose nodes cannot all be asked now.
 */
async function newestOpen({journals, lost}: Remembered): Promise<SavedChange> {
  const here = new Set([...journals.values()].flatMap((list) => list.map((j) => j.header.id)));
  for (const id of await savedIds()) {
    if (!here.has(id) && lost.length === 0) continue;
    const saved = await savedChange(id);
    const end = saved && (await savedEnd(id));
    if (saved && (end === undefined || end.left.length > 0)) return saved;
  }
  throw new Failure('this machine knows no change that was begun and not ended', {
    exit: ExitCode.findings,
    hints: ['flanctl history lists all', 'flanctl rollback undoes one from any machine'],
  });
}
