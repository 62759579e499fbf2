import {expect, test} from 'vitest';
import type {NodeAgent} from '../../src/edge/change/agent.js';
import {Crew} from '../../src/edge/change/crew.js';
import {type Begun, retreat} from '../../src/edge/change/retreat.js';
import {TransportError} from '../../src/edge/transports/transport.js';

/** Agents that undo what they are told to; a lost one answers nothing. */
function crewOf(lost: readonly string[]) {
  const undone: string[] = [];
  const agent = (node: string): NodeAgent => {
    const answer = <T>(value: T, note?: string): Promise<T> => {
      if (lost.includes(node)) return Promise.reject(new TransportError({kind: 'unreachable', message: `${node}: gone`}));
      if (note !== undefined) undone.push(note);
      return Promise.resolve(value);
    };
    const parts: Partial<NodeAgent> = {
      node,
      extend: () => answer(true),
      undo: (_, stages) => answer({failed: []}, `${node} ${stages.join()}`),
      finish: () => answer(undefined),
    };
    return parts as NodeAgent;
  };
  return {undone, crew: new Crew(new Map(['n1', 'n2', 'n3'].map((n) => [n, agent(n)])), 'x', 60)};
}

const all = ['n1', 'n2', 'n3'];
const begun: readonly Begun[] = [
  {stage: 0, phase: 'build', title: 'to flannel.2: build', nodes: all},
  {stage: 1, phase: 'flip', title: 'to flannel.2: flip', nodes: all},
  {stage: 2, phase: 'swap', title: 'to flannel.2: clean up', nodes: all},
  {stage: 3, phase: 'swap', title: 'back to flannel.1: build', nodes: all},
  {stage: 4, phase: 'swap', title: 'back to flannel.1: flip 1/2', nodes: ['n1']},
  {stage: 5, phase: 'swap', title: 'back to flannel.1: flip 2/2', nodes: ['n2', 'n3']},
];

test('a swap goes back to where it began before any route of the first way does', async () => {
  const {crew, undone} = crewOf([]);
  const {left} = await retreat(crew, all, begun, 'committed', () => undefined);
  expect(left).toEqual([]);
  expect(undone.map((u) => u.split(' ')[1]).filter((stage, i, list) => stage !== list[i - 1])).toEqual(['5', '4', '3', '2', '1', '0']);
});

test('with a node lost in its midst no device that this one may be using is taken away from it', async () => {
  const {crew, undone} = crewOf(['n2']);
  const {left} = await retreat(crew, all, begun, 'committed', () => undefined);
  // Both of its devices lead everywhere until stage 3 is undone, which is not begun.
  expect(undone).toEqual(['n3 5']);
  expect(left.map((l) => l.node)).toContain('n2');
});
