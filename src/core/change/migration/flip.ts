import type {NodeView} from '../../model/view.js';
import type {Operation} from '../operation.js';
import {bare} from '../operations/bare.js';

/** Routes to peers whose place is taken by a row that one replace would not take over. */
export const unfit = ({name, changes}: NodeView): readonly string[] =>
  (changes.route ?? []).flatMap((change) => {
    if (change.kind !== 'differs') return [];
    const [before, ...more] = change.actual;
    const {metric, dst} = change.want.row;
    if (before.metric === metric && more.length === 0 && before.nexthops === undefined && before.tos === undefined) return [];
    return [`${name} has more than flannel's own route to ${dst} (metric ${before.metric}): a replace would leave the other one in force`];
  });

/**
 * All routes of one node to its peers, each by one atomic replace: no packet sees a moment without. (For what IPv6 wants besides, see the
 * words of a route's operation.)
 */
export const flip = ({changes}: NodeView): readonly Operation[] =>
  (changes.route ?? []).flatMap((change): readonly Operation[] => {
    if (change.kind === 'unexpected') return [];
    const {row} = change.want;
    return [change.kind === 'missing' ? {on: 'route', do: 'add', row} : {on: 'route', do: 'replace', row, before: bare(change.actual[0])}];
  });
