import {ExitCode} from '../../exit-code.js';
import type {HistoryReport} from '../reporters/documents.js';
import {savedChange, savedEnd} from './local-journal.js';
import {knownChanges, type Remembered} from './rollback.js';

/** What nodes (where they were asked) and this machine remember, newest first. */
export async function historyReport(ids: readonly string[], remembered: Remembered | undefined): Promise<HistoryReport> {
  const changes = new Map<string, HistoryReport['changes'][number]>();
  const known = remembered ? knownChanges(remembered) : [];
  for (const {id, by} of known) {
    const [first] = by.values();
    const {title, operator, since} = first!.header;
    const nodes = [...by].map(([node, {outcome, progress, guard, steps, log}]) => ({
      node,
      outcome,
      progress,
      timer: guard.seconds,
      steps: steps.map((s) => ({...s})),
      log,
    }));
    changes.set(id, {id, title, operator, since, outcome: outcomeOf(nodes.map((n) => n.outcome)), here: ids.includes(id), nodes});
  }
  for (const id of ids) {
    if (changes.has(id) || remembered) continue;
    const saved = await savedChange(id);
    if (!saved) continue;
    const {title, operator, since} = saved.header;
    changes.set(id, {id, title, operator, since, outcome: (await savedEnd(id))?.outcome ?? 'open', here: true, nodes: null});
  }
  const gaps = remembered?.lost.map(({node, lost}) => ({node, what: 'node', why: lost})) ?? [];
  return {
    changes: [...changes.values()].sort((a, b) => (a.id < b.id ? 1 : -1)),
    gaps,
    exit: gaps.length > 0 ? ExitCode.incomplete : ExitCode.ok,
  };
}

/** All nodes alike, or what needs somebody: `open`, else `mixed`. */
function outcomeOf(all: readonly string[]): string {
  const distinct = [...new Set(all)];
  if (distinct.length === 1) return distinct[0]!;
  return distinct.includes('open') ? 'open' : 'mixed';
}
