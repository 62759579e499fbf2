import {named} from '../../../core/change/migration/waves.js';
import type {Plan} from '../../../core/change/plan.js';
import type {NodeView} from '../../../core/model/view.js';
import {stoppedWithoutFlannel} from '../../../core/rules/restart-gap.js';

/** What a restart of flanneld loses of pods' packets whatever the order of steps, and for how long. Empty where nobody restarts one. */
export function restartLosses({control}: Plan, views: readonly NodeView[]): readonly string[] {
  if (!control) return [];
  const shut = views.filter((view) => stoppedWithoutFlannel(view).length > 0).map((view) => view.name);
  if (shut.length === 0) return [];
  return [
    `FORWARD of ${named(shut)} lets pods' packets through by flannel's own rules alone, and flanneld empties these when it starts: each of these nodes loses packets of its pods to and from other nodes for some tens of milliseconds at its restart (flannel v0.25.0 to v0.26.7 takes the rules away when it ends: there it is as long as the restart takes, seconds)`,
  ];
}
