import {modeOf} from '../modes/index.js';
import type {Plan, Target} from './plan.js';

/** `vxlan (VNI 1, UDP 8472) with DirectRouting`. */
export const shownTarget = ({type, settings}: Target): string =>
  `${modeOf(type)?.named(settings) ?? type}${settings.directRouting ? ' with DirectRouting' : ''}`;

/** What a change is called wherever it is named: in its plan, its report, on the nodes that it holds, in the history. */
export const titleOf = ({what, from, to}: Pick<Plan, 'what' | 'from' | 'to'>): string =>
  what === 'apply'
    ? `apply ${shownTarget(to)}`
    : `migrate ${from === undefined ? 'an unknown backend' : shownTarget(from)} to ${shownTarget(to)}`;
