import type {Plan} from '../../core/change/plan.js';
import type {Cluster} from '../../core/model/cluster.js';
import type {Runner} from './mesh.js';

/** A migration that is about to begin: what the parts of the pre-flight look at. */
export interface Migrating {
  readonly plan: Plan;
  readonly cluster: Cluster;
  readonly runners: ReadonlyMap<string, Runner>;
  readonly signal: AbortSignal;
}
