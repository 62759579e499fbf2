import {type NodeView, view} from '../../model/view.js';
import {modeOf} from '../../modes/index.js';
import type {Settings} from '../../modes/mode.js';
import type {Migration} from '../migration.js';
import type {Phase, Plan, Stage, Target} from '../plan.js';
import {simulate} from '../simulate.js';
import type {MigrationOptions} from './options.js';
import {deviceOf} from './rp-filter.js';
import {swapWarnings} from './swap-warnings.js';
import {targetCluster} from './target-view.js';

type OneWay = (views: readonly NodeView[], target: Target, options: MigrationOptions) => Migration;

/**
 * Settings of a device for the time being, where the target wants its tunnel device on the name of the one that runs and the kernel cannot make
 * the one into the other (another port of the same VNI): it has the target's settings and a name and number that no node has. Undefined where
 * the target's devices can be built beside the old ones, or are the old ones.
 */
export function asideOf(views: readonly NodeView[], {type, settings}: Target): Settings | undefined {
  const cluster = views[0]?.cluster;
  const mode = modeOf(type);
  if (!cluster?.settings || cluster.mode?.type !== type || !mode?.aside) return undefined;
  const names = new Set(mode.devices(settings).map((d) => d.name));
  const inTheWay = mode.devices(cluster.settings).some((d) => names.has(d.name)) && mode.named(cluster.settings) !== mode.named(settings);
  return inTheWay
    ? mode.aside(
        settings,
        views.flatMap((v) => v.state.tables.link ?? []),
      )
    : undefined;
}

/**
 * Another port of the same VNI: the device can neither be changed so nor be there twice. First to a device with another number, which has the
 * new port (flannel-backends.md §9.6); after the commit, which leaves both ways whole, the old device gives its name to the new one, and the
 * routes come back to it. All three have the node's one hardware address, so that whoever reads a lease in between reads a true one.
 */
export function byWayOf(oneWay: OneWay, views: readonly NodeView[], target: Target, aside: Settings, options: MigrationOptions): Migration {
  const mode = modeOf(target.type)!;
  const via: Target = {type: target.type, settings: aside};
  const [temporary = '', final = ''] = [aside, target.settings].map((s) => mode.devices(s)[0]?.name);
  const macOf: MigrationOptions['macOf'] = (node, family) => {
    const dev = mode.devices(target.settings).find((d) => d.family === family)?.name;
    const links = views.find((v) => v.name === node)?.state.tables.link ?? [];
    return links.find((l) => l.ifname === dev)?.address ?? options.macOf(node, family);
  };
  // The old device's address is on the temporary one as well: deleting it cuts nobody.
  const held = (options.held ?? []).filter((h) => h.step !== 'device');
  const wishes = {...options, macOf, held};
  const there = oneWay(views, via, {...wishes, control: {by: '', netConf: {}}});
  if (there.kind !== 'plan') return there;
  const cluster = targetCluster(views[0]!.cluster, via, macOf)!;
  const halfway = views.map((v) => view(cluster, simulate(v.state, workOf(there.plan.stages.filter(unrestored), v.name))));
  const back = oneWay(halfway, target, wishes);
  if (back.kind !== 'plan') return back;
  const of = (stages: readonly Stage[], prefix: string, phases: Partial<Record<Phase, Phase>> = {}): readonly Stage[] =>
    stages.map((s) => ({...s, phase: phases[s.phase] ?? s.phase, title: `${prefix}: ${s.title}`}));
  const restores = [...there.plan.stages.filter((s) => s.phase === 'restore'), ...back.plan.stages.filter((s) => s.phase === 'restore')];
  // Of the first way nobody's configuration knows.
  const {left, control: _, ...rest} = there.plan;
  const gone = new Set(mode.devices(aside).map((d) => d.name));
  return {
    kind: 'plan',
    plan: {
      ...rest,
      to: target,
      stages: [
        ...of(
          there.plan.stages.filter((s) => unrestored(s) && s.phase !== 'cleanup'),
          `to ${temporary}`,
        ),
        madeAnew(final, [
          ...there.plan.stages.filter((s) => s.phase === 'cleanup'),
          ...back.plan.stages.filter((s) => s.phase === 'build'),
        ]),
        ...of(
          back.plan.stages.filter((s) => unrestored(s) && s.phase !== 'build'),
          `back to ${final}`,
          {loosen: 'swap', flip: 'swap'},
        ),
        ...restored(restores, gone),
      ],
      ...(back.plan.control && {control: back.plan.control}),
      warnings: [...new Set([...swapWarnings(views[0]!.cluster, options.control, final), ...there.plan.warnings, ...back.plan.warnings])],
      irreversible: [...there.plan.irreversible, ...back.plan.irreversible],
      left: [...left, ...back.plan.left].filter((l) => ![...gone].some((dev) => l.what.includes(`/${dev}/`))),
    },
  };
}

/**
 * The old device goes and the new one takes its name in one stage, on each node by one `ip`: since v0.27.4 flanneld makes a device anew that has
 * been gone for a second (flannel-backends.md §2.4), with the old port.
 */
function madeAnew(dev: string, stages: readonly Stage[]): Stage {
  const nodes = [...new Set(stages.flatMap((s) => s.work.map((w) => w.node)))];
  return {phase: 'swap', title: `${dev} is made anew`, work: nodes.map((node) => ({node, operations: workOf(stages, node)}))};
}

const unrestored = ({phase}: Stage): boolean => phase !== 'restore';

const workOf = (stages: Plan['stages'], node: string) =>
  stages.flatMap((s) => s.work.flatMap((w) => (w.node === node ? w.operations : [])));

/** One stage of what both ways put back, without what is said of devices that are gone by then. */
function restored(stages: readonly Stage[], gone: ReadonlySet<string>): readonly Stage[] {
  const [first] = stages;
  const nodes = [...new Set(stages.flatMap((s) => s.work.map((w) => w.node)))];
  const work = nodes.flatMap((node) => {
    const operations = workOf(stages, node).filter((op) => op.on !== 'sysctl' || !gone.has(deviceOf(op.key) ?? ''));
    return operations.length > 0 ? [{node, operations}] : [];
  });
  return first && work.length > 0 ? [{...first, work}] : [];
}
