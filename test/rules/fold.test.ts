import fc from 'fast-check';
import {describe, expect, test} from 'vitest';
import {compare, type Finding, fold, type Judged, worse} from '../../src/core/rules/fold.js';
import {type NodeRule, type Observation, type Severity, type Stage, stages} from '../../src/core/rules/rule.js';

const ruleOf = (id: string, stage: Stage, more: Partial<NodeRule> = {}): NodeRule => ({
  id,
  stage,
  severity: 'error',
  holds: 'h',
  cause: 'c',
  effect: 'e',
  remedy: 'r',
  fix: 'safe',
  scope: 'node',
  needs: [],
  check: () => [],
  ...more,
});
const seen = (subject: string, more: Partial<Observation> = {}): Observation => ({
  subject,
  message: `${subject} is wrong`,
  evidence: [],
  ...more,
});
const judged = (rule: NodeRule, node: string, ...observations: readonly Observation[]): Judged => ({rule, node, observations});
const device = ruleOf('device-down', 'device', {replay: true});
const route = ruleOf('route-gone', 'route');
const neigh = ruleOf('neigh-gone', 'neigh', {severity: 'warning'});

describe('one fault, one finding', () => {
  test('what depends on what another breaks hangs under it, and its commands follow', () => {
    const found = fold([
      judged(neigh, 'n1', seen('x', {dependsOn: ['device n1 d'], steps: [{node: 'n1', run: 'c'}]})),
      judged(route, 'n1', seen('y', {dependsOn: ['device n1 d'], steps: [{node: 'n1', run: 'b'}]})),
      judged(device, 'n1', seen('d', {breaks: ['device n1 d'], steps: [{node: 'n1', run: 'a'}]})),
    ]);
    expect(found.map((f) => f.id)).toEqual(['device-down@n1']);
    expect(found[0]!.consequences.map((f) => f.id)).toEqual(['route-gone@n1', 'neigh-gone@n1']);
    expect(found[0]!.remedy.steps.map((s) => s.run)).toEqual(['a', 'b', 'c']);
  });
  test('of another node it does not', () => {
    const found = fold([
      judged(route, 'n2', seen('y', {dependsOn: ['device n2 d']})),
      judged(device, 'n1', seen('d', {breaks: ['device n1 d']})),
    ]);
    expect(found.map((f) => f.id)).toEqual(['device-down@n1', 'route-gone@n2']);
  });
  test('a chain hangs from its first link, and no finding from itself', () => {
    const found = fold([
      judged(neigh, 'n1', seen('x', {dependsOn: ['r']})),
      judged(route, 'n1', seen('y', {dependsOn: ['d', 'r'], breaks: ['r']})),
      judged(device, 'n1', seen('d', {breaks: ['d']})),
    ]);
    expect(found.map((f) => [f.id, f.consequences.map((c) => c.id)])).toEqual([['device-down@n1', ['route-gone@n1', 'neigh-gone@n1']]]);
  });
  test('a cause takes the severity of its worst consequence', () => {
    const mild = ruleOf('mild', 'device', {severity: 'info'});
    expect(fold([judged(mild, 'n1', seen('d', {breaks: ['d']})), judged(route, 'n1', seen('y', {dependsOn: ['d']}))])[0]!.severity).toBe(
      'error',
    );
  });
  test('what one rule says of one node is one finding, by severity', () => {
    const found = fold([
      judged(route, 'n1', seen('a', {peers: ['n3']}), seen('b', {peers: ['n2', 'n3']}), seen('c', {severity: 'warning'})),
    ]);
    expect(found.map((f) => [f.id, f.severity, f.subject, f.message, f.peers])).toEqual([
      ['route-gone@n1', 'error', 'a, b', 'a is wrong (and 1 more like it)', ['n2', 'n3']],
      ['route-gone@n1#2', 'warning', 'c', 'c is wrong', []],
    ]);
  });
  test('fixable is what has commands for all of it, unless nobody may', () => {
    const step = [{node: 'n1', run: 'a'}];
    expect(fold([judged(route, 'n1', seen('a', {steps: step}), seen('b', {steps: step}))])[0]).toMatchObject({
      fixable: true,
      remedy: {steps: step},
    });
    expect(fold([judged(route, 'n1', seen('a', {steps: step}), seen('b'))])[0]!.fixable).toBe(false);
    expect(fold([judged(ruleOf('x', 'route', {fix: 'no'}), 'n1', seen('a', {steps: step}))])[0]!.fixable).toBe(false);
  });
});

describe('for any findings', () => {
  const token = fc.constantFrom('t1', 't2', 't3', 't4');
  const one = fc.record({
    stage: fc.constantFrom(...stages),
    id: fc.constantFrom('a', 'b', 'c'),
    node: fc.constantFrom('n1', 'n2', 'n10'),
    severity: fc.constantFrom<Severity>('error', 'warning', 'info'),
    dependsOn: fc.array(token, {maxLength: 2}),
    breaks: fc.array(token, {maxLength: 2}),
  });
  const world = fc
    .uniqueArray(one, {selector: (o) => `${o.stage} ${o.id} ${o.node}`, maxLength: 14})
    .map((list) =>
      list.map(({stage, id, node, severity, dependsOn, breaks}) =>
        judged(ruleOf(`${stage}-${id}`, stage, {severity}), node, seen('s', {dependsOn, breaks})),
      ),
    );
  const flat = (findings: readonly Finding[]): Finding[] => findings.flatMap((f) => [f, ...flat(f.consequences)]);

  test('none is lost, none is doubled, and the order they came in does not matter', () => {
    fc.assert(
      fc.property(world, fc.infiniteStream(fc.nat()), (list, chance) => {
        const found = fold(list);
        expect(
          flat(found)
            .map((f) => f.id)
            .sort(),
        ).toEqual(list.map((j) => `${j.rule.id}@${j.node}`).sort());
        const shuffled = list
          .map((j) => [chance.next().value ?? 0, j] as const)
          .toSorted((a, b) => a[0] - b[0])
          .map(([, j]) => j);
        expect(fold(shuffled).map((f) => [f.id, f.severity])).toEqual(found.map((f) => [f.id, f.severity]));
      }),
      {numRuns: 300},
    );
  });
  test('the worst comes first; a consequence is later than its cause and depends on something that was broken', () => {
    fc.assert(
      fc.property(world, (list) => {
        const found = fold(list);
        for (const [i, f] of found.entries()) {
          const next = found[i + 1];
          if (next) expect(worse(f.severity, next.severity)).toBe(f.severity);
          for (const c of f.consequences) {
            expect(c.consequences).toEqual([]);
            expect(stages.indexOf(c.stage)).toBeGreaterThan(stages.indexOf(f.stage));
          }
        }
        const broken = new Set(list.flatMap((j) => j.observations[0]!.breaks));
        for (const c of found.flatMap((f) => f.consequences)) {
          expect(list.find((j) => `${j.rule.id}@${j.node}` === c.id)!.observations[0]!.dependsOn!.some((t) => broken.has(t))).toBe(true);
        }
      }),
      {numRuns: 300},
    );
  });
});

test('names with numbers are in their natural order', () => {
  expect(['n10', 'n2', 'n1', 'a', 'n2b', 'n02', 'n'].toSorted(compare)).toEqual(
    ['a', 'n', 'n1', 'n02', 'n2', 'n2b', 'n10'].toSorted(compare),
  );
  expect(['n10', 'n9', 'n1'].toSorted(compare)).toEqual(['n1', 'n9', 'n10']);
  fc.assert(
    fc.property(
      fc.string({unit: fc.constantFrom('a', '1', '0', '2', '-')}),
      fc.string({unit: fc.constantFrom('a', '1', '0', '2', '-')}),
      fc.string({unit: fc.constantFrom('a', '1', '0', '2', '-')}),
      (a, b, c) => {
        expect(Math.sign(compare(a, b))).toBe(-Math.sign(compare(b, a)) + 0);
        if (compare(a, b) <= 0 && compare(b, c) <= 0) expect(compare(a, c)).toBeLessThanOrEqual(0);
        if (a !== b) expect(compare(a, b)).not.toBe(0);
      },
    ),
    {numRuns: 2000},
  );
});
