import type {NodeView} from '../model/view.js';
import {modeOf, modes} from '../modes/index.js';
import {irreversibleIn} from './irreversible.js';
import {incompatible} from './migration/build.js';
import {asideOf, byWayOf} from './migration/by-way-of.js';
import {unplannable, unreachable} from './migration/feasible.js';
import {withBackend} from './migration/files.js';
import {unfit} from './migration/flip.js';
import {type NodeParts, nodeParts} from './migration/node-work.js';
import type {MigrationOptions} from './migration/options.js';
import {podMtuWork} from './migration/pod-mtu.js';
import {impossible} from './migration/possible.js';
import {targetCluster, targetView} from './migration/target-view.js';
import {named, waves} from './migration/waves.js';
import type {ControlChange, Phase, Plan, Stage, Target} from './plan.js';

export type {Held, MigrationOptions, NodeFile} from './migration/options.js';
export {targetCluster} from './migration/target-view.js';

export type Migration =
  | {readonly kind: 'plan'; readonly plan: Plan}
  /** It cannot be planned; each line names the node or the pair, and the proof. */
  | {readonly kind: 'refused'; readonly because: readonly string[]}
  /** Pods would have to shrink, and only the operator can say whether they should. Bytes. */
  | {readonly kind: 'choose-pod-mtu'; readonly pods: number; readonly from: number; readonly to: number};

/**
 * The way from what the nodes run now to the target, by flannel-backends.md §9.6: loose rp_filter, the new path everywhere, one atomic replace
 * for each route, wave by wave, then flannel's files, what only the old path needed, and rp_filter as it was. Nodes that are at the target
 * already get no work; with none at all the plan has no stages.
 * @param views every node of the cluster, as it is now
 */
export function migrationPlan(views: readonly NodeView[], target: Target, options: MigrationOptions): Migration {
  const aside = asideOf(views, target);
  return aside === undefined ? oneWay(views, target, options) : byWayOf(oneWay, views, target, aside, options);
}

function oneWay(views: readonly NodeView[], target: Target, options: MigrationOptions): Migration {
  const cluster = views[0]?.cluster;
  const mode = modeOf(target.type);
  const wished = cluster && targetCluster(cluster, target, options.macOf);
  if (!cluster?.mode || !cluster.settings || !mode || !wished) return refused(['the mode that the cluster runs is not known']);
  const {settings: now, mode: running} = cluster;
  const missing = cluster.members.filter((m) => !views.some((v) => v.name === m.name)).map((m) => `${m.name} was not read`);
  const never = impossible(target, cluster, options.control);
  if (never.length > 0) return refused(never);
  const blind = [...missing, ...views.flatMap(unplannable)];
  if (blind.length > 0) return refused(blind);
  const wanted = views.map((v) => targetView(wished, v.state));
  const obstacles = wanted.flatMap((v) => [...incompatible(v), ...unfit(v), ...unreachable(v, target)]);
  if (obstacles.length > 0) return refused(obstacles);

  const mtus = views.map((v) => mode.podMtu(target.settings, v.member.uplink!.mtu));
  const pods = views.map((v, i) => podMtuWork(v, mtus[i]!));
  const large = pods.flatMap((p) => p.shrink);
  if (large.length > 0 && options.podMtu === undefined)
    return {
      kind: 'choose-pod-mtu',
      pods: large.length,
      from: Math.max(...large.map((p) => p.mtu)),
      to: Math.min(...large.map((p) => p.to)),
    };

  const own = mode.devices(target.settings).map((d) => d.name);
  const old = running
    .devices(now)
    .map((d) => d.name)
    .filter((dev) => !own.includes(dev));
  // A TUN device lives as long as its process; flannel-wg is made anew at every start and deleted at a proper end.
  const theirs = [
    ...(running.devicesBy === 'process' || options.control !== 'none' ? old.filter(isFlannelds) : []),
    ...own.filter(isFlannelds),
  ];
  const parts = views.map((v, i) => nodeParts(v, wanted[i]!, {target, old, own, theirs, mtu: mtus[i]!, pods: pods[i]!}, options));
  const title = (which: 'shrink' | 'grow') => `pod MTU ${[...new Set(pods.flatMap((p) => p[which].map((m) => m.to)))].join(', ')}`;
  const stages = [
    ...stage('loosen', 'loose rp_filter', parts, 'loosen'),
    ...stage('build', `flanneld starts with ${target.type}`, parts, 'made').map((s): Stage => ({...s, by: 'flanneld'})),
    ...stage(
      'build',
      parts.some((p) => p.made.length > 0) ? 'loose rp_filter on what flanneld made' : `build the ${target.type} path`,
      parts,
      'build',
    ),
    ...stage('build', title('shrink'), parts, 'shrink'),
    ...flips(parts, options),
    ...stage('control', "flannel's files", parts, 'control'),
    // Of the cleanup, so that undoing has pods small again before any route leads into a tunnel.
    ...stage('cleanup', title('grow'), parts, 'grow'),
    ...stage('cleanup', 'clean up the old path', parts, 'cleanup'),
    ...stage('restore', 'rp_filter as it was', parts, 'restore'),
  ];
  const control = controlChange(options.control, target, stages);
  return {
    kind: 'plan',
    plan: {
      what: 'migrate',
      from: {type: running.type, settings: now},
      to: target,
      stages,
      ...(control !== undefined && {control}),
      ...(theirs.length > 0 && {theirs}),
      warnings: large.length === 0 ? [] : [options.podMtu === 'set' ? shrunk(large.length) : kept(large.length)],
      irreversible: irreversibleIn(stages),
      left: parts.flatMap((p) => p.left),
    },
  };
}

/** Undefined too where nothing else is to be done and flanneld is configured for the target already. */
function controlChange(control: MigrationOptions['control'], target: Target, stages: readonly Stage[]): ControlChange | undefined {
  if (control === 'none') return undefined;
  const after = withBackend(control.netConf, target);
  if (stages.length === 0 && JSON.stringify(after) === JSON.stringify(control.netConf)) return undefined;
  return {by: control.by, ...(control.wait && {wait: true}), before: control.netConf, after};
}

const isFlannelds = (dev: string): boolean => modes.some((mode) => mode.devicesBy !== undefined && mode.ownsDevice(dev));

const refused = (because: readonly string[]): Migration => ({kind: 'refused', because});

function flips(parts: readonly NodeParts[], options: MigrationOptions): readonly Stage[] {
  const moved = waves(
    parts.filter((p) => p.flip.length > 0).map((p) => p.node),
    options,
  );
  return moved.flatMap((wave, i) =>
    stage(
      'flip',
      `flip ${i + 1}/${moved.length}: ${named(wave)}`,
      parts.filter((p) => wave.includes(p.node)),
      'flip',
    ),
  );
}

function stage(
  phase: Phase,
  title: string,
  parts: readonly NodeParts[],
  which: Exclude<keyof NodeParts, 'node' | 'left'>,
): readonly Stage[] {
  const work = parts.flatMap((p) => (p[which].length > 0 ? [{node: p.node, operations: p[which]}] : []));
  return work.length > 0 ? [{phase, title, work}] : [];
}

// What design/performance.md §5 measured of pods whose MTU the tunnel does not carry.
const shrunk = (pods: number): string =>
  `${pods} pods get a smaller MTU before the switch: full-sized UDP packets that may not be cut (DF) and are under way at that moment are lost, about one of each flow; TCP is not disturbed`;
const kept = (pods: number): string =>
  `${pods} pods keep an MTU that the tunnel does not carry: full-sized packets depend on path MTU discovery, each flow of them loses its first one and goes on after a round trip, TCP sends some again without a pause, and so it stays until the pods are made anew`;
