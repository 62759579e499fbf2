import {expect} from 'vitest';
import {runBatches, undoBatches} from '../../src/core/change/batch.js';
import type {MigrationOptions} from '../../src/core/change/migration.js';
import type {Plan, Target} from '../../src/core/change/plan.js';
import {probeEnd} from '../../src/core/change/probe-ends.js';
import {rules} from '../../src/core/rules/index.js';
import type {ChangeHeader, NodeAgent} from '../../src/edge/change/agent.js';
import {type Gate, gateOf} from '../../src/edge/change/gate.js';
import {mesh} from '../../src/edge/change/mesh.js';
import {openAgents} from '../../src/edge/change/node-agent.js';
import {openRunners} from '../../src/edge/change/runners.js';
import {diagnose} from '../../src/edge/diagnose.js';
import {runIn} from '../../src/edge/lab/exec.js';
import type {Lab} from '../../src/edge/lab/topology.js';
import {addressesOf, dumpsOf, transportOf} from './live.js';
import {mustPlan, see} from './planned.js';

/** Runs plans as flanctl does, stage by stage on agents with a gate after each, but as a test wants it: up to any stage, and back. */

let count = 0;

export class Rehearsal implements AsyncDisposable {
  readonly plan: Plan;
  readonly #lab: Lab;
  readonly #agents: ReadonlyMap<string, NodeAgent>;
  readonly #gate: Gate;
  readonly #end: () => Promise<void>;
  #header: ChangeHeader | undefined;

  private constructor(lab: Lab, plan: Plan, agents: ReadonlyMap<string, NodeAgent>, gate: Gate, end: () => Promise<void>) {
    this.#lab = lab;
    this.plan = plan;
    this.#agents = agents;
    this.#gate = gate;
    this.#end = end;
  }

  static async open(
    lab: Lab,
    to: Target,
    options: Partial<MigrationOptions> = {},
    edit: (plan: Plan) => Plan = (p) => p,
  ): Promise<Rehearsal> {
    const seen = see(await dumpsOf(lab));
    const plan = edit(mustPlan(seen, to, {podMtu: 'set', ...options}));
    const agents = await openAgents(addressesOf(lab), {transport: transportOf(lab), timeoutMs: 60_000});
    const runners = openRunners(addressesOf(lab), transportOf(lab));
    const ends = seen.views.map((view) => probeEnd(view)!);
    const signal = new AbortController().signal;
    // What fits both ways of a change between 1500 and a tunnel.
    const size = ({family}: {family: 4 | 6}) => (family === 4 ? 1450 : 1430);
    const baseline = await mesh(runners, ends, {signal, size});
    const gate = gateOf({
      plan,
      before: new Map(seen.states.map((state) => [state.name, state])),
      networks: seen.cluster.networks,
      addresses: addressesOf(lab),
      gather: {transport: transportOf(lab)},
      runners,
      ends,
      baseline,
      size,
      signal,
    });
    return new Rehearsal(lab, plan, agents, gate, async () => {
      await runners[Symbol.asyncDispose]();
      for (const agent of agents.values()) await agent[Symbol.asyncDispose]();
    });
  }

  /** The stages before `until`, each with its gate, and what the test has to do after it. */
  async run(until = this.plan.stages.length, gates = true, after: (stage: number) => Promise<void> = async () => {}): Promise<void> {
    const nodes = this.#lab.nodes.map((n) => n.name);
    const header = {
      id: `20261121-101500-${String(++count).padStart(4, '0')}`,
      title: 'rehearsal',
      operator: 'test',
      since: '2026-11-21T10:15:00Z',
      nodes,
    };
    this.#header = header;
    for (const agent of this.#agents.values()) expect(await agent.arm(header, 120)).toEqual({kind: 'armed'});
    for (const [index, {phase, title, work}] of this.plan.stages.slice(0, until).entries()) {
      const results = await Promise.all(
        work.map(({node, operations}) =>
          this.#agents.get(node)!.run(header.id, {stage: index, phase, title, run: runBatches(operations), undo: undoBatches(operations)}),
        ),
      );
      expect({title, results}).toEqual({title, results: results.map(() => ({kind: 'done'}))});
      if (gates)
        expect({
          title,
          ...(await this.#gate(
            index,
            work.map((w) => w.node),
          )),
        }).toEqual({title, ok: true, because: []});
      await after(index);
    }
  }

  /** Every stage that ran, last first, each on all nodes before the next. */
  async undo(from = this.plan.stages.length): Promise<void> {
    for (let stage = from - 1; stage >= 0; stage--) {
      const touched = this.plan.stages[stage]!.work.map((w) => w.node);
      const failed = await Promise.all(touched.map((node) => this.#agents.get(node)!.undo(this.#header!.id, [stage])));
      expect(failed.flatMap((f) => f.failed)).toEqual([]);
    }
  }

  async finish(outcome: 'done' | 'rolled-back'): Promise<void> {
    for (const agent of this.#agents.values()) await agent.finish(this.#header!.id, outcome);
    this.#header = undefined;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#header) for (const agent of this.#agents.values()) await agent.unlock().catch(() => []);
    await this.#end();
  }
}

/** Sets rp_filter of every interface, `all` and those to come. */
export async function rpFilter(lab: Lab, value: 0 | 1 | 2): Promise<void> {
  for (const {name} of lab.nodes)
    expect(await runIn(lab, name, `for f in /proc/sys/net/ipv4/conf/*/rp_filter; do echo ${value} > $f; done`)).toMatchObject({code: 0});
}

export async function doctorOf(lab: Lab): Promise<readonly string[]> {
  const dumps = await dumpsOf(lab);
  const source = {
    async *nodes() {
      yield* dumps;
    },
  };
  const {findings, notEvaluated, gaps, cluster} = await diagnose(source, {}, rules);
  return [
    `mode ${cluster.mode?.type}${cluster.settings?.directRouting ? ' DirectRouting' : ''}`,
    ...findings.map((f) => f.message),
    ...notEvaluated.map((n) => n.rule),
    ...gaps.map((g) => g.why),
  ];
}
