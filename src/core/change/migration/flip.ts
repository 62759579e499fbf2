import type {Route} from '../../kernel/route.js';
import type {NodeView} from '../../model/view.js';
import {contains} from '../../net/prefix.js';
import type {NodeState} from '../../node/state.js';
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
export const flip = ({state, changes}: NodeView): readonly Operation[] =>
  (changes.route ?? []).flatMap((change): readonly Operation[] => {
    if (change.kind === 'unexpected') return [];
    const {row} = change.want;
    return change.kind === 'missing' ? added(state, row) : [{on: 'route', do: 'replace', row, before: bare(change.actual[0])}];
  });

/**
 * A route where there was none for this very subnet. IPv6 refuses an onlink gateway that a wider route reaches by another device, as the one
 * route of wireguard does: for the time being the gateway gets a route of its own (flannel-backends.md §9.6).
 */
function added({tables}: NodeState, row: Route): readonly Operation[] {
  const add: Operation = {on: 'route', do: 'add', row};
  const {family, gateway} = row;
  if (family !== 6 || gateway === undefined || !row.flags.includes('onlink')) return [add];
  const wider = (tables.route ?? []).some(
    (r) => r.family === 6 && r.table === 'main' && r.dev !== row.dev && !r.dst.endsWith('/0') && contains(r.dst, gateway),
  );
  if (!wider) return [add];
  const {gateway: _, ...rest} = row;
  const own: Route = {...rest, dst: `${gateway}/128`, flags: []};
  return [{on: 'route', do: 'add', row: own}, add, {on: 'route', do: 'del', row: own}];
}

/**
 * Towards a backend with one route to all pods (wireguard): the routes to single subnets, which win over it, go. Deleting one is atomic, and
 * the lookup then falls to the wide one.
 */
export const uncover = ({state, peers}: NodeView): readonly Operation[] => {
  const subnets = new Set(peers.flatMap((p) => [p.subnet, p.ipv6Subnet]));
  return (state.tables.route ?? []).flatMap((row): readonly Operation[] =>
    row.table === 'main' && row.protocol !== 'kernel' && subnets.has(row.dst) ? [{on: 'route', do: 'del', row: bare(row)}] : [],
  );
};
