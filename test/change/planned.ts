import type {Held, Migration, MigrationOptions, NodeFile} from '../../src/core/change/migration.js';
import {migrationPlan, targetCluster} from '../../src/core/change/migration.js';
import type {Plan, Target} from '../../src/core/change/plan.js';
import {simulate} from '../../src/core/change/simulate.js';
import {foldKeys} from '../../src/core/flannel/net-conf.js';
import {buildCluster, type Cluster, type Given} from '../../src/core/model/cluster.js';
import {differences} from '../../src/core/model/differences.js';
import {readNode} from '../../src/core/model/read-node.js';
import {Surveyor} from '../../src/core/model/survey.js';
import {type NodeView, view} from '../../src/core/model/view.js';
import {modeOf} from '../../src/core/modes/index.js';
import type {NodeDump} from '../../src/core/node/dump.js';
import type {NodeState} from '../../src/core/node/state.js';
import {macOf} from '../../src/edge/change/mac-of.js';

/** A target as net-conf.json would name it: `{Type: 'vxlan', DirectRouting: true}`. */
export function target(backend: {readonly Type: string; readonly [key: string]: unknown}): Target {
  return {type: backend.Type, settings: modeOf(backend.Type)!.settings(foldKeys(backend))};
}

export interface Seen {
  readonly cluster: Cluster;
  readonly states: readonly NodeState[];
  readonly views: readonly NodeView[];
  readonly files: ReadonlyMap<string, readonly NodeFile[]>;
}

export function see(dumps: readonly NodeDump[], given: Given = {}): Seen {
  const files = new Map(
    dumps.map((d) => [
      d.node,
      d.sections.flatMap(({name, command, out, rc}): readonly NodeFile[] =>
        rc === 0 && (name === 'subnet.env' || name === 'net-conf.json') ? [{name, path: command.split(' ').at(-1)!, text: out}] : [],
      ),
    ]),
  );
  return seen(dumps.map(readNode), given, files);
}

/** The same of nodes that were read. */
export function seen(states: readonly NodeState[], given: Given, files: Seen['files'] = new Map()): Seen {
  const surveyor = new Surveyor();
  for (const state of states) surveyor.add(state);
  const cluster = buildCluster(surveyor, given);
  return {cluster, states, views: states.map((state) => view(cluster, state)), files};
}

export const mac = (node: string, family: 4 | 6): string => macOf('test', node, family);

export function plan(seen: Seen, to: Target, options: Partial<MigrationOptions> = {}): Migration {
  return migrationPlan(seen.views, to, {canary: 1, batch: 10, macOf: mac, control: 'none', files: seen.files, ...options});
}

/** The plan, or the test fails with why there is none. */
export function mustPlan(seen: Seen, to: Target, options: Partial<MigrationOptions> = {}): Plan {
  const found = plan(seen, to, options);
  if (found.kind !== 'plan') throw new Error(JSON.stringify(found));
  return found.plan;
}

/** Every node after these stages. */
export function after(states: readonly NodeState[], stages: Plan['stages']): readonly NodeState[] {
  return states.map((state) =>
    simulate(
      state,
      stages.flatMap((s) => s.work.filter((w) => w.node === state.name).flatMap((w) => w.operations)),
    ),
  );
}

/** What still differs from the target on each node, as doctor compares it. */
export function differs(seen: Seen, to: Target, states: readonly NodeState[]): readonly unknown[] {
  const cluster = targetCluster(seen.cluster, to, mac)!;
  return states.flatMap((state) => differences(view(cluster, state)));
}

export type {Held};
