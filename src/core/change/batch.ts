import type {Operation} from './operation.js';
import {undoOf, wordsOf} from './operations/index.js';
import type {Line, Tool} from './operations/kind.js';

/** Lines for one tool, run as one process: `ip -batch`, `bridge -batch`, or `sh` (sysctls, files, pods). In order within the step. */
export interface Batch {
  readonly tool: Tool;
  readonly lines: readonly string[];
}

/** Neighbouring lines of one tool together: one process each. */
function grouped(lines: Iterable<Line>): readonly Batch[] {
  const batches: {tool: Tool; lines: string[]}[] = [];
  for (const {tool, text} of lines) {
    const last = batches.at(-1);
    if (last?.tool === tool) last.lines.push(text);
    else batches.push({tool, lines: [text]});
  }
  return batches;
}

/** The operations as batches; each stops at the first line that fails. */
export const runBatches = (operations: readonly Operation[]): readonly Batch[] => grouped(operations.flatMap(wordsOf));

/**
 * Brings back the state before, from whatever point of `runBatches` it was cut off at, and also when run twice: the inverses, last first. For
 * `ip -force -batch`: a line that finds nothing to undo fails and is passed over. An entry may be touched once only, but for a device that is
 * deleted and made anew: or the undo of the second touch, which never ran, would find what the first one had not yet changed.
 */
export const undoBatches = (operations: readonly Operation[]): readonly Batch[] => grouped(operations.toReversed().flatMap(undoOf));
