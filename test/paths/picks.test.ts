import fc from 'fast-check';
import {expect, test} from 'vitest';
import {EveryPick} from '../../src/core/path/picks.js';

/** A tree of choices: how many ways each has, and what comes behind each way. */
type Tree = readonly Tree[];
const trees = fc.letrec<{tree: Tree}>((tie) => ({
  tree: fc.oneof({maxDepth: 3, withCrossShrink: true}, fc.constant<Tree>([]), fc.array(tie('tree'), {minLength: 1, maxLength: 3})),
})).tree;

const leaves = (tree: Tree, at: string): readonly string[] =>
  tree.length === 0 ? [at] : tree.flatMap((sub, i) => leaves(sub, `${at}${i}`));

test('every combination is walked, and each once', () => {
  fc.assert(
    fc.property(trees, (tree) => {
      const picks = new EveryPick();
      const walked: string[] = [];
      do {
        let at = '';
        for (let here = tree; here.length > 0; ) {
          const way = picks.take(
            here.map((_, i) => `w${i}`),
            true,
          );
          at += way;
          here = here[way]!;
        }
        walked.push(at);
        expect(picks.taken.map((t) => t.text)).toEqual([...at].map((way) => expect.stringContaining(`, w${way}`)));
      } while (picks.next() === 'walk');
      expect(walked).toEqual(leaves(tree, ''));
    }),
  );
});

test('what nobody can walk to its end is told', () => {
  const picks = new EveryPick();
  const ten = Array.from({length: 10}, (_, i) => String(i));
  let said = 'walk';
  for (let n = 0; said === 'walk' && n < 2000; n++) {
    for (let deep = 0; deep < 3; deep++) picks.take(ten, true);
    said = picks.next();
  }
  expect(said).toBe('too-many');
});
