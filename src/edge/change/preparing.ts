import {irreversibleIn} from '../../core/change/irreversible.js';
import {withBackend} from '../../core/change/migration/files.js';
import type {Plan} from '../../core/change/plan.js';
import {repairPlan} from '../../core/change/repair.js';
import {simulate} from '../../core/change/simulate.js';
import {stale} from '../../core/change/stale.js';
import type {Cluster, Given} from '../../core/model/cluster.js';
import {strongest} from '../../core/model/survey.js';
import {modeOf} from '../../core/modes/index.js';
import {familyOf} from '../../core/net/address.js';
import type {NodeState} from '../../core/node/state.js';
import {rules} from '../../core/rules/index.js';
import {Failure} from '../../failure.js';
import {diagnoseStates, survey, views} from '../diagnose.js';
import {checkNodes, type Evidence} from '../evidence.js';
import {leftOf} from './left.js';
import {macOf} from './mac-of.js';

export interface ApplyWish {
  readonly backend?: string | undefined;
  readonly nodes?: readonly string[] | undefined;
  readonly prune: boolean;
  /** A plan that was made before: it is compared with the nodes, and run as it is. */
  readonly plan?: Plan | undefined;
}

/** A repair that can begin, and the cluster as it was read for it. */
export interface Prepared {
  readonly plan: Plan;
  readonly cluster: Cluster;
  readonly states: ReadonlyMap<string, NodeState>;
}

export type Preparation = ({readonly kind: 'plan'} & Prepared) | {readonly kind: 'refused'; readonly because: readonly string[]};

/** Reads the nodes and plans what makes them as they should be, or compares them with a plan that was saved. Changes nothing. */
export async function prepareApply(evidence: Evidence, {backend, nodes, prune, plan: saved}: ApplyWish): Promise<Preparation> {
  const read = async (given: Given) => {
    const {cluster, states} = await survey(evidence, given);
    const all: NodeState[] = [];
    for await (const state of states()) all.push(state);
    return {cluster, all};
  };
  let {given} = evidence;
  let {cluster, all} = await read(given);
  checkNodes(
    nodes,
    cluster.members.map((m) => m.name),
  );
  const states = new Map(all.map((state) => [state.name, state]));
  if (saved !== undefined) {
    const moved = stale(saved, states);
    if (moved.length === 0) return {kind: 'plan', plan: {...saved, irreversible: irreversibleIn(saved.stages)}, cluster, states};
    return {
      kind: 'refused',
      because: ['the plan is stale: nodes have moved since it was made', ...moved.map((m) => `${m.node}: ${m.what}`)],
    };
  }
  if (backend !== undefined) {
    given = {...given, netConf: provisioned(cluster, given, backend)};
    ({cluster, all} = await read(given));
  }
  const list = [];
  for await (const view of views(cluster, toAsync(all))) list.push(view);
  const seed = [...cluster.networks, ...cluster.members.flatMap((m) => m.lease?.publicIP ?? m.lease?.publicIPv6 ?? [])].toSorted().join();
  const repair = repairPlan(list, {
    prune,
    ...(nodes !== undefined && {nodes}),
    macOf: (node, family) => macOf(seed, node, family),
    provision: backend !== undefined,
  });
  if (repair.kind === 'refused') return repair;
  const {plan} = repair;
  const after = all.map((state) =>
    simulate(
      state,
      plan.stages.flatMap(({work}) => work.flatMap((w) => (w.node === state.name ? w.operations : []))),
    ),
  );
  const {findings} = await diagnoseStates(after, given, rules);
  const left = leftOf(findings, plan, (node) => nodes === undefined || nodes.includes(node));
  return {kind: 'plan', plan: {...plan, left: [...plan.left, ...left]}, cluster, states};
}

async function* toAsync<T>(items: readonly T[]): AsyncGenerator<T> {
  yield* items;
}

/**
 * net-conf.json for nodes on which no flanneld runs: the one that was given, with the backend that was asked for.
 * @throws Failure when the nodes run another one (that is a migration), or when nobody says which network the pods have
 */
function provisioned(cluster: Cluster, given: Given, type: string): unknown {
  const running = cluster.members.find((m) => strongest(m.survey).some((d) => d.detection.weight > 1 && d.mode.type !== type));
  if (running !== undefined)
    throw new Failure(
      `${running.name} runs ${strongest(running.survey)[0]!.mode.type}: apply does not change the backend of a live cluster`,
      {
        hints: [`flanctl migrate --to ${type}`],
      },
    );
  const stated = given.netConf ?? given.inventory?.netConf;
  const [v4, v6] = ([4, 6] as const).map((family) => cluster.networks.find((n) => familyOf(n) === family && !n.endsWith('/0')));
  if (stated === undefined && v4 === undefined && v6 === undefined)
    throw new Failure('--backend: nobody says which network the pods have', {hints: ['--net-conf FILE with flannel’s net-conf.json']});
  const conf = stated ?? {
    ...(v4 === undefined ? {EnableIPv4: false} : {Network: v4}),
    ...(v6 !== undefined && {EnableIPv6: true, IPv6Network: v6}),
  };
  const mode = modeOf(type)!;
  const settings = cluster.mode?.type === type && cluster.settings ? cluster.settings : mode.settings({});
  return withBackend(conf, {type, settings});
}
