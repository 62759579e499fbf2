import {type Cut, cutsIn, firstOf, showConnected} from '../../core/change/cuts.js';
import {migrationPlan, type NodeFile} from '../../core/change/migration.js';
import type {Plan, Target} from '../../core/change/plan.js';
import {type Loss, prove} from '../../core/change/proof.js';
import type {Cluster} from '../../core/model/cluster.js';
import type {NodeView} from '../../core/model/view.js';
import type {NodeDump} from '../../core/node/dump.js';
import {rules} from '../../core/rules/index.js';
import {diagnose, survey, views} from '../diagnose.js';
import type {Evidence} from '../evidence.js';
import {TransportError} from '../transports/transport.js';
import {type ControllerKind, controlled} from './control.js';
import {macOf} from './mac-of.js';
import type {Runner} from './mesh.js';
import {type Connections, connections} from './preflight/connections.js';
import type {Findings} from './preflight/findings.js';
import {preflight, unsound} from './preflight/preflight.js';
import {restartLosses} from './preflight/restarts.js';

/** A cluster as it was read for a change. */
export interface Read {
  readonly cluster: Cluster;
  readonly views: readonly NodeView[];
  readonly files: ReadonlyMap<string, readonly NodeFile[]>;
}

export async function readAll(evidence: Evidence): Promise<Read> {
  const {cluster, states} = await survey(evidence, evidence.given);
  const found: NodeView[] = [];
  for await (const view of views(cluster, states())) found.push(view);
  const files = new Map<string, readonly NodeFile[]>();
  for await (const dump of evidence.nodes()) files.set(dump.node, filesOf(dump));
  return {cluster, views: found, files};
}

/** flannel's files as they were printed, by the command that did: `cat /run/flannel/subnet.env`. */
const filesOf = ({sections}: NodeDump): readonly NodeFile[] =>
  sections.flatMap(({name, command, out, rc}): readonly NodeFile[] =>
    rc === 0 && (name === 'subnet.env' || name === 'net-conf.json') ? [{name, path: command.slice(command.indexOf('/')), text: out}] : [],
  );

export interface MigrateWish {
  readonly canary: number;
  readonly batch: number;
  readonly last?: string | undefined;
  readonly podMtu?: 'keep' | 'set' | undefined;
  /** Who keeps flanneld's configuration; undefined: nobody said. */
  readonly controller?: ControllerKind | undefined;
  /** Somebody else writes that configuration: it is waited for. */
  readonly preFlipped?: boolean | undefined;
}

export type Prepared =
  | {readonly kind: 'refused'; readonly because: readonly string[]}
  | {readonly kind: 'choose-pod-mtu'; readonly pods: number; readonly from: number; readonly to: number}
  | {readonly kind: 'plan'; readonly plan: Plan; readonly untried: Findings['untried']; readonly tried: number};

export interface PrepareContext {
  readonly runners: ReadonlyMap<string, Runner>;
  readonly signal: AbortSignal;
  readonly onStep: (step: string) => void;
}

/** Everything that must be known before a migration begins, in the order of what it costs to find out; the first kind of refusal ends it. */
export async function prepareMigration(
  evidence: Evidence,
  read: Read,
  asked: Target,
  wish: MigrateWish,
  context: PrepareContext,
): Promise<Prepared> {
  const {cluster} = read;
  const {runners, signal, onStep} = context;
  onStep('doctor');
  const ill = unsound((await diagnose(evidence, evidence.given, rules)).findings);
  if (ill.length > 0) return {kind: 'refused', because: ill};
  const nodes = cluster.members.map((m) => m.name);
  onStep("who keeps flannel's configuration");
  const looked = await controlled(wish.controller, {
    nodes,
    runners,
    signal,
    records: evidence.given.records,
    client: evidence.reach?.client,
  }).catch((error: unknown) => {
    if (error instanceof TransportError) return error.failure.message;
    throw error;
  });
  if (typeof looked === 'string') return {kind: 'refused', because: [looked]};
  const {kept, warnings: unkept} = looked;
  const target = kept?.settled?.(asked) ?? asked;
  onStep('connections that a step would cut');
  const found = await connections(cluster, new Map(read.views.map((v) => [v.name, v.state])), target, runners, signal);
  const seed = [...cluster.networks, ...cluster.members.flatMap((m) => m.lease?.publicIP ?? m.lease?.publicIPv6 ?? [])].toSorted().join();
  const migration = migrationPlan(read.views, target, {
    canary: wish.canary,
    batch: wish.batch,
    ...(wish.last !== undefined && {last: wish.last}),
    ...(wish.podMtu !== undefined && {podMtu: wish.podMtu}),
    macOf: (node, family) => macOf(seed, node, family),
    control: kept ? {by: wish.controller!, netConf: kept.netConf, ...(wish.preFlipped && {wait: true})} : 'none',
    files: read.files,
    held: found.held,
  });
  if (migration.kind !== 'plan') return migration;
  const {plan} = migration;
  if (plan.stages.length === 0 && !plan.control) return {kind: 'plan', plan, untried: [], tried: 0};
  onStep('proof that every pair keeps a path in every state');
  const states = read.views.map((v) => v.state);
  const proof = prove(plan, cluster, states);
  const unproven = [
    ...proof.losses.map(shownLoss),
    ...proof.unknown.map((u) => `${u.from} → ${u.to} IPv${u.family}: it cannot be told whether this pair works: ${u.because}`),
  ];
  if (proof.lossCount > proof.losses.length) unproven.push(`and ${proof.lossCount - proof.losses.length} more`);
  if (unproven.length > 0) return {kind: 'refused', because: unproven};
  onStep('pre-flight on the network');
  const network = await preflight({plan, cluster, runners, signal}, new Map(states.map((s) => [s.name, s])));
  if (network.refused.length > 0) return {kind: 'refused', because: network.refused};
  const cuts = cutsIn(plan, found.found);
  const warnings = [
    ...unkept,
    ...cutWarnings(cuts),
    ...blindSpots(found),
    ...plan.warnings,
    ...network.warnings,
    ...restartLosses(plan, read.views),
    ...stated(evidence, plan),
  ];
  return {kind: 'plan', plan: {...plan, warnings, ...(cuts.length > 0 && {cuts})}, untried: network.untried, tried: proof.tried};
}

/** `flip, 2 waves: n1 → n2 (IPv4, 84 bytes) would be lost at n2: reverse-path: …; n1 before, n2 after replace route …`. */
const shownLoss = (l: Loss): string =>
  `${l.stage}: ${l.from} → ${l.to} (IPv${l.family}, ${l.size} bytes${l.direction === 'back' ? ', on the way back' : ''}) would be lost at ${l.node}: ${l.because} [${l.disposition}; ${l.from}: ${l.fromDid}; ${l.to}: ${l.toDid}]`;

/** One sentence for each connection that will be cut: whose it is, by which step, and why. */
const cutWarnings = (cuts: readonly Cut[]): readonly string[] =>
  firstOf(cuts.filter((c) => !c.held).map((c) => `${c.node}: ${showConnected(c)} will be reset by "${c.step}": ${c.why}`));

function blindSpots({unseen}: Connections): readonly string[] {
  const on = (what: Connections['unseen'][number]['what']): string =>
    unseen
      .filter((u) => u.what === what)
      .map((u) => u.node)
      .join(', ');
  const [sockets, flows] = [on('its TCP connections'), on('its masqueraded flows')];
  return [
    ...(sockets === ''
      ? []
      : [
          `the own connections of ${sockets} cannot be seen (no ss there, or not reached): those to pods of other nodes may be cut, unnamed`,
        ]),
    ...(flows === ''
      ? []
      : [
          `flows that a node passes on under a masquerade (NodePort over nodes) are reset when their route changes its device; which there are cannot be seen on ${flows}`,
        ]),
  ];
}

/** An inventory that states the configuration goes on stating the old one. */
const stated = ({given, from}: Evidence, {to}: Plan): readonly string[] =>
  given.netConf === undefined && given.inventory?.netConf === undefined
    ? []
    : [`${from} states flannel's configuration: change its Backend to ${to.type} afterwards, or doctor compares with the old one`];
