import type {Phase} from '../../core/change/plan.js';
import type {ChangeEnd, ChangeHeader, NodeJournal, Progress, StepState} from './agent.js';

const ends: readonly string[] = ['open', 'done', 'rolled-back', 'timed-out', 'abandoned'] satisfies ChangeEnd[];

/** A folder's name on every node: what another node says must not lead out of it. */
const safeId = /^\d{8}-\d{6}-[a-z0-9]{1,32}$/;
const phases: readonly string[] = ['loosen', 'build', 'flip', 'swap', 'control', 'cleanup', 'restore'] satisfies Phase[];
const states: readonly string[] = ['begun', 'done', 'failed', 'undone', 'undo-failed'] satisfies StepState[];

/** A header as it stands on a node; undefined when that is not one (hand-made, or of a version to come). */
export function readHeader(text: string): ChangeHeader | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (typeof value !== 'object' || value === null) return undefined;
  const {id, title, operator, since, nodes, largest, silent} = value as {[key: string]: unknown};
  const words = [id, title, operator, since];
  if (!words.every((word) => typeof word === 'string') || !Array.isArray(nodes) || !nodes.every((n) => typeof n === 'string'))
    return undefined;
  const {4: small, 6: long} = (typeof largest === 'object' && largest !== null ? largest : {}) as {[family: string]: unknown};
  if (largest !== undefined && ![small, long].every((size) => Number.isInteger(size))) return undefined;
  if (silent !== undefined && !(Array.isArray(silent) && silent.every((pair) => typeof pair === 'string'))) return undefined;
  return safeId.test(id as string) ? (value as ChangeHeader) : undefined;
}

/** What `journals` of agent.sh prints, newest first. A change whose header cannot be read is left out: nobody could name it. */
export function readJournals(text: string): readonly NodeJournal[] {
  const journals: NodeJournal[] = [];
  for (const block of text.split(/^change /m).slice(1)) {
    const lines = block.split('\n');
    const rest = (word: string): readonly string[] => lines.filter((l) => l.startsWith(`${word} `)).map((l) => l.slice(word.length + 1));
    const header = readHeader(rest('header')[0] ?? '');
    if (!header) continue;
    const [progress = 'applying', left = 'gone'] = (rest('watch')[0] ?? '').split(' ');
    const end = rest('outcome')[0] ?? '';
    journals.push({
      header,
      progress: progress as Progress,
      steps: rest('step').flatMap((line) => {
        const [, stage, state = '', phase = '', title = ''] = /^(\d{1,6}) (\S+) (\S+) ?(.*)$/.exec(line) ?? [];
        if (stage === undefined || !states.includes(state) || !phases.includes(phase)) return [];
        return [{stage: Number(stage), phase: phase as Phase, title, state: state as StepState}];
      }),
      guard: {alive: left !== 'gone', seconds: left === 'gone' ? null : Number(left)},
      log: rest('log'),
      restarted: rest('boot')[0] === 'another',
      // `firing`: its timer is undoing it at this moment.
      outcome: ends.includes(end) ? (end as ChangeEnd) : 'open',
    });
  }
  return journals;
}
