import {isDeepStrictEqual} from 'node:util';
import pMap from 'p-map';
import type {Plan} from '../../core/change/plan.js';
import {ExitCode} from '../../exit-code.js';
import {Failure} from '../../failure.js';
import {TransportError} from '../transports/transport.js';
import {oneLine} from '../ui/escape.js';
import {asRoot} from './control/as-root.js';
import type {Controller, ControllerContext, Kept} from './controllers/controller.js';
import {controllers} from './controllers/index.js';
import type {ChangeStage} from './stages.js';

export type ControllerKind = Controller['kind'];

/**
 * Processes of the node's own network that have flannel in them, one line each: the name, and whether it runs in a pod. Those of other
 * network namespaces are another cluster's (kind, a lab). The kernel keeps fifteen characters of a name.
 */
const look = `own=$(readlink /proc/self/ns/net)
for file in $(grep -lsxE 'flanneld|k3s-server|k3s-agent' /proc/[0-9]*/comm); do
  at=\${file%/comm}
  net=$(readlink "$at/ns/net" 2>/dev/null)
  [ -z "$net" ] || [ "$net" = "$own" ] || continue
  read -r name 2>/dev/null <"$at/comm" || continue
  if grep -qs kubepods "$at/cgroup"; then echo "$name in a pod"; else echo "$name"; fi
done
echo end`;

/** The nodes that have such a process: `n1: flanneld`. */
async function running({nodes, runners, signal}: ControllerContext): Promise<readonly string[]> {
  const on = async (node: string): Promise<readonly string[]> => {
    const {out, said} = await asRoot(runners.get(node)!, look, signal);
    const lines = out.split('\n');
    if (!lines.includes('end'))
      throw new TransportError({kind: 'exec', message: `${node}: its processes cannot be listed: ${oneLine(said)}`});
    const [name] = lines;
    return name === 'end' ? [] : [`${node}: ${oneLine(name ?? '')}`];
  };
  return (await pMap(nodes, on, {concurrency: 32})).flat();
}

/**
 * Looks at what the operator says keeps flanneld's configuration. Where a flanneld runs, nobody is not assumed: with its old configuration
 * it would undo the change at its next start.
 * @throws Failure when it is not kept that way, or nobody said and a flanneld runs.
 */
export async function controlled(
  kind: ControllerKind | undefined,
  context: ControllerContext,
): Promise<{readonly kept?: Kept; readonly warnings: readonly string[]}> {
  if (kind !== undefined && kind !== 'none') {
    const kept = await (await controllers[kind]()).look(context);
    return {...(kept && {kept}), warnings: []};
  }
  const found = await running(context);
  if (found.length === 0) return {warnings: []};
  const who = `${found.slice(0, 3).join(', ')}${found.length > 3 ? ` and ${found.length - 3} more nodes` : ''}`;
  if (kind === undefined) {
    throw new Failure(`flannel runs here (${who}): say who keeps its configuration, or it undoes the change when it starts anew`, {
      hints: [
        '--controller systemd: a unit flanneld, its net-conf in etcd or in a file; flanctl changes it and restarts them one by one',
        "--controller k3s: flannel inside k3s; flanctl changes the servers' config.yaml and restarts k3s, servers first",
        '--controller kube: a DaemonSet and a ConfigMap, with --kubeconfig; flanctl changes it and deletes the pods one by one',
        '--controller none: you change it yourself, before any of them is restarted',
      ],
    });
  }
  return {warnings: [`flannel runs here (${who}): change its configuration before any of them is restarted, or it undoes this change`]};
}

/**
 * The stages that a plan's controller adds, from its configuration as it is now.
 * @throws Failure when it is no longer what the plan was made from: the plan is stale.
 */
export async function controlStages(plan: Plan, context: ControllerContext): Promise<readonly ChangeStage[]> {
  const {control} = plan;
  if (!control) return [];
  const known = Object.keys(controllers).find((kind): kind is ControllerKind => kind === control.by);
  if (known === undefined) throw new Failure(`the plan names a controller that this flanctl does not know: ${control.by}`);
  const {kept} = await controlled(known, {...context, preFlipped: control.wait ?? false});
  if (kept && isDeepStrictEqual(kept.netConf, control.before)) return kept.stages(control.after, restartOrder(plan, context.nodes));
  throw new Failure("flanneld's configuration is not what the plan was made from", {
    exit: ExitCode.findings,
    hints: ['make the plan anew'],
  });
}

/** In the order of the waves, then those whose routes stay as they are. */
function restartOrder({stages}: Plan, nodes: readonly string[]): readonly string[] {
  const flips = stages.filter((s) => s.phase === 'flip').flatMap((s) => s.work.map((w) => w.node));
  return [...new Set([...flips, ...nodes])];
}
