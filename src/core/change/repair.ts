import {leaseOf} from '../flannel/lease.js';
import {type NodeView, view} from '../model/view.js';
import type {Family, Mac} from '../net/address.js';
import {irreversibleIn} from './irreversible.js';
import type {Operation} from './operation.js';
import type {Phase, Plan, Stage} from './plan.js';
import {attachments, leaked, podRules} from './repair/attached.js';
import {complete} from './repair/complete.js';
import {devices} from './repair/device.js';
import {Draft} from './repair/draft.js';
import {addresses, ends, routes, secured} from './repair/rows.js';
import {forwarding, reversePath, wayTo} from './repair/settings.js';
import {strays} from './repair/strays.js';
import {subnetEnv} from './repair/subnet-env.js';

export interface RepairOptions {
  /** Take away what flannel once wrote and nobody asks for any more. */
  readonly prune: boolean;
  /** Only these nodes are changed; all are looked at. */
  readonly nodes?: readonly string[];
  /** The hardware address for a tunnel device that is made and that no peer knows. */
  readonly macOf: (node: string, family: Family) => Mac;
  /** No flanneld runs: its files are written as well, where they are not there. */
  readonly provision?: boolean;
}

export type Repair = {readonly kind: 'plan'; readonly plan: Plan} | {readonly kind: 'refused'; readonly because: readonly string[]};

/**
 * What makes the kernel's tables what the mode says: devices, addresses, neighbours and FDB rows on all nodes first, then the routes, then
 * strays. Nothing that is not flannel's is touched; with nothing to do the plan has no stages.
 * @param views every node of the cluster, as it is now
 */
export function repairPlan(views: readonly NodeView[], options: RepairOptions): Repair {
  const known = views[0]?.cluster;
  if (!known?.mode || !known.settings) return {kind: 'refused', because: ['the mode that the cluster runs is not known']};
  const asked = (name: string) => options.nodes === undefined || options.nodes.includes(name);
  const because = known.members.flatMap(({name, lease, uplink}) => {
    if (!asked(name)) return [];
    const state = views.find((v) => v.name === name)?.state;
    if (!state || (state.failure && Object.keys(state.tables).length === 0)) return [`${name} was not read`];
    // Where the cloud knows every pod's address nobody needs to publish any.
    return (lease && uplink) || known.mode?.fabric === 'addresses'
      ? []
      : [`of ${name} it is not known which pods it has, or by which interface it reaches the others`];
  });
  if (because.length > 0) return {kind: 'refused', because};
  const cluster = complete(known, options.macOf);
  const drafts = new Map(views.map((v) => [v.name, new Draft(v.state)]));
  const of = (draft: Draft): NodeView => view(cluster, draft.state);
  const working = [...drafts.values()].filter((d) => asked(d.node));
  /** Runs a step for each node and gives back what it added. */
  const step = (run: (draft: Draft) => void): readonly {readonly node: string; readonly operations: readonly Operation[]}[] =>
    working.map((draft) => {
      const from = draft.operations.length;
      run(draft);
      return {node: draft.node, operations: draft.operations.slice(from)};
    });

  const build = step((draft) => {
    if (options.provision) subnetEnv(of(draft), draft);
    devices(of(draft), draft);
    forwarding(of(draft), draft);
    addresses(of(draft), draft);
    ends(of(draft), draft);
    secured(of(draft), draft);
    attachments(of(draft), draft);
  });
  const flip = step((draft) => {
    routes(of(draft), draft);
    podRules(of(draft), draft);
  });
  const loosen = step((draft) => {
    const own = cluster.members.find((m) => m.name === draft.node)?.lease;
    const mine = own && leaseOf(own, 4);
    reversePath(of(draft), draft, (peer) => {
      const other = drafts.get(peer);
      return mine && other && wayTo(other, mine.subnet, mine.publicIP);
    });
  });
  const cleanup = step((draft) => {
    strays(of(draft), draft, options.prune);
    leaked(of(draft), draft, options.prune);
  });
  const stages = [
    ...stage(
      'build',
      known.mode.fabric === 'addresses' ? 'routes, tables and neighbours of pods' : 'devices, addresses, neighbours and settings',
      build,
    ),
    // A device that was made just now has its setting only now.
    ...stage('build', 'loose rp_filter where ways differ', loosen),
    ...stage('flip', known.mode.fabric === 'addresses' ? 'rules' : 'routes', flip),
    ...stage('cleanup', 'strays', cleanup),
  ];
  const cuts = working.some((d) => d.operations.some((op) => op.on === 'link' && op.do === 'del'));
  return {
    kind: 'plan',
    plan: {
      what: 'apply',
      to: {type: known.mode.type, settings: known.settings},
      stages,
      warnings: cuts ? ['connections of the nodes themselves from an address of a device that is deleted will hang'] : [],
      irreversible: irreversibleIn(stages),
      left: working.flatMap((d) => d.left),
    },
  };
}

function stage(phase: Phase, title: string, work: Stage['work']): readonly Stage[] {
  const some = work.filter((w) => w.operations.length > 0);
  return some.length === 0 ? [] : [{phase, title, work: some}];
}
