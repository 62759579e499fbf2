import type {KubeOperation, Operation} from '../../core/change/operation.js';
import {TransportError} from '../transports/transport.js';
import type {NodeAgent} from './agent.js';
import type {KubeOperator, Undone} from './kube-operator.js';

/** What has no API server to be done with. */
const BLIND = 'a part of it is done through the API server, and none was named: --kubeconfig FILE or --context NAME';

const overApi = (operations: readonly Operation[] = []): readonly KubeOperation[] =>
  operations.flatMap((op) => (op.on === 'kube' ? [op] : []));

/**
 * Agents whose steps may have a part that flanctl itself does over the API server. The node writes the step down first, whole, so that any
 * machine can take it back; the part is undone before the node's journal calls the step undone.
 */
export const operated = (agents: ReadonlyMap<string, NodeAgent>, operator: KubeOperator | undefined): Map<string, NodeAgent> =>
  new Map([...agents].map(([node, agent]) => [node, withOperator(agent, operator)]));

type Kept = Map<number, readonly KubeOperation[]>;

function withOperator(agent: NodeAgent, operator: KubeOperator | undefined): NodeAgent {
  /** By change; whole where this run of flanctl began it, or has asked the node. */
  const known = new Map<string, {readonly kept: Kept; whole: boolean}>();
  const of = (id: string): {readonly kept: Kept; whole: boolean} => {
    const entry = known.get(id) ?? {kept: new Map<number, readonly KubeOperation[]>(), whole: false};
    known.set(id, entry);
    return entry;
  };
  const operations = async (id: string): Promise<ReadonlyMap<number, readonly Operation[]>> => {
    const all = await agent.operations(id);
    const entry = of(id);
    for (const [stage, list] of all) if (overApi(list).length > 0) entry.kept.set(stage, overApi(list));
    entry.whole = true;
    return all;
  };
  const act = async (list: readonly KubeOperation[]): Promise<Undone | undefined> => {
    for (const op of list) {
      const undone = operator ? await operator.run(op) : {why: BLIND, untouched: true};
      if (undone) return undone;
    }
    return undefined;
  };
  return {
    ...agent,
    operations,
    async arm(header, ttl, progress) {
      const verdict = await agent.arm(header, ttl, progress);
      if (verdict.kind === 'armed' && progress !== 'keep') of(header.id).whole = true;
      return verdict;
    },
    async run(id, step) {
      const list = overApi(step.operations);
      if (list.length > 0) of(id).kept.set(step.stage, list);
      const result = await agent.run(id, step);
      if (result.kind !== 'done') return result;
      const undone = await act(list);
      if (undone?.untouched) of(id).kept.delete(step.stage);
      return undone ? {kind: 'failed', why: undone.why} : result;
    },
    async finish(id, outcome) {
      await agent.finish(id, outcome);
      const [first] = [...of(id).kept.values()].flat();
      if (first) await operator?.release(first.namespace, id);
    },
    async redo({operations: all}) {
      const undone = await act(overApi(all));
      return undone ? {kind: 'failed', why: undone.why} : {kind: 'done'};
    },
    async undo(id, stages, again) {
      // A journal that cannot be read in this holds nothing up: what the node itself can undo, it does.
      if (!of(id).whole)
        await operations(id).catch((error: unknown) => {
          if (!(error instanceof TransportError) || error.failure.kind !== 'protocol') throw error;
        });
      const {kept} = of(id);
      if (!stages.some((stage) => kept.has(stage))) return agent.undo(id, stages, again);
      const states = await statesOf(agent, id);
      for (const stage of stages.toSorted((a, b) => b - a)) {
        const due = states.has(stage) && (states.get(stage) !== 'undone' || again === true);
        for (const op of due ? (kept.get(stage) ?? []).toReversed() : []) {
          const why = operator ? await operator.undo(op) : BLIND;
          // It stays as it is in the journal, so that it is tried again.
          if (why !== undefined) return {failed: [why]};
        }
        const {failed} = await agent.undo(id, [stage], again);
        if (failed.length > 0) return {failed};
      }
      return {failed: []};
    },
  };
}

const statesOf = async (agent: NodeAgent, id: string): Promise<ReadonlyMap<number, string>> =>
  new Map((await agent.journals()).find((j) => j.header.id === id)?.steps.map((s) => [s.stage, s.state]) ?? []);
