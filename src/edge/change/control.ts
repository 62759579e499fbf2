import {isDeepStrictEqual} from 'node:util';
import type {Plan} from '../../core/change/plan.js';
import {ExitCode} from '../../exit-code.js';
import {Failure} from '../../failure.js';
import type {Controller, ControllerContext, Kept} from './controllers/controller.js';
import {controllers} from './controllers/index.js';
import type {Runner} from './mesh.js';
import type {ChangeStage} from './stages.js';

export type ControllerKind = Controller['kind'];

/** A process by one of these names has flannel in it; the kernel keeps fifteen characters. */
const bearers = ['flanneld', 'k3s-server', 'k3s-agent'];

const look = `for p in /proc/[0-9]*/comm; do
  read -r name 2>/dev/null <"$p" && case $name in ${bearers.join(' | ')}) echo "$name" ;; esac
done
:`;

/** The nodes that have such a process: `n1: flanneld`. */
async function running({nodes, runners, signal}: ControllerContext): Promise<readonly string[]> {
  const on = async (node: string, runner: Runner): Promise<readonly string[]> => {
    const {stdout} = await runner.run(look, [], {signal});
    const [name] = stdout.toString().split('\n');
    return name ? [`${node}: ${name}`] : [];
  };
  return (await Promise.all(nodes.map((node) => on(node, runners.get(node)!)))).flat();
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
  const {kept} = await controlled(known, context);
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
