import type {ControlChange} from '../../../core/change/plan.js';
import type {Runner} from '../mesh.js';
import type {ChangeStage} from '../stages.js';

/** What a controller has to be told. */
export interface ControllerContext {
  readonly change: ControlChange;
  /** Nodes in the order in which their flanneld is to be restarted. */
  readonly nodes: readonly string[];
  readonly runners: ReadonlyMap<string, Runner>;
  readonly signal: AbortSignal;
}

/**
 * Who keeps flanneld's configuration and restarts it. What it does to nodes are stages like any other, each with its undo, so that the
 * nodes' journals, the timers' rules and a rollback from another machine hold for it too. Called once before the change, without writing.
 */
export interface Controller {
  readonly kind: 'none' | 'systemd';
  /** @throws Failure when flanneld is not kept this way here, or its configuration is not what the plan was made from. */
  stages(context: ControllerContext): Promise<readonly ChangeStage[]>;
}
