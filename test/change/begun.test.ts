import {expect, test} from 'vitest';
import type {NodeJournal} from '../../src/edge/change/agent.js';
import {begunIn} from '../../src/edge/change/rollback.js';

/** What a rollback finds in the journals: each node knows only its own stages. */
const journal = (...stages: readonly [number, 'done' | 'undone'][]): NodeJournal =>
  ({steps: stages.map(([stage, state]) => ({stage, phase: 'flip', title: `stage ${stage}`, state}))}) as unknown as NodeJournal;

test("stages come in the plan's order, also when the first node had no part in an early one", () => {
  const by = new Map([
    ['n1', journal([0, 'done'], [2, 'done'], [3, 'undone'])],
    ['n2', journal([1, 'done'], [2, 'done'])],
  ]);
  expect(begunIn(by).map((b) => [b.stage, b.nodes])).toEqual([
    [0, ['n1']],
    [1, ['n2']],
    [2, ['n1', 'n2']],
  ]);
});
