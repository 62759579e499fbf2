import type {Target} from '../../../core/change/plan.js';
import type {Records} from '../../../core/flannel/records.js';
import type {KubeClient} from '../../sources/kube-client.js';
import type {Runner} from '../mesh.js';
import type {ChangeStage} from '../stages.js';

/** What a controller has to be told. */
export interface ControllerContext {
  readonly nodes: readonly string[];
  readonly runners: ReadonlyMap<string, Runner>;
  readonly signal: AbortSignal;
  /** flannel's records, and who gave them, where that is an API server. */
  readonly records?: Records | undefined;
  readonly client?: KubeClient | undefined;
  /** Somebody else keeps the configuration (GitOps): it is waited for, not written. */
  readonly preFlipped?: boolean;
}

/** flanneld's configuration as it is kept now. */
export interface Kept {
  /** net-conf.json, parsed; the same on every node. */
  readonly netConf: unknown;
  /** The target with what is written of it here whatever was asked for; as it is where that is nothing. */
  readonly settled?: (target: Target) => Target;
  /**
   * What makes it another one and has every flanneld read it, node by node in that order. Stages like any other, each with its undo, so that the nodes' journals, the
   * timers' rules and a rollback from another machine hold for them too.
   */
  readonly stages: (after: unknown, order: readonly string[]) => readonly ChangeStage[];
}

/** Who keeps flanneld's configuration and restarts it. */
export interface Controller {
  readonly kind: 'none' | 'systemd' | 'k3s' | 'kube';
  /**
   * Looks, and writes nothing. Undefined where nobody keeps anything.
   * @throws Failure when flanneld is not kept this way here, or its nodes do not agree.
   */
  readonly look: (context: ControllerContext) => Promise<Kept | undefined>;
}
