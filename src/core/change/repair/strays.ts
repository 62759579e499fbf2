import {address as addressTable} from '../../kernel/address.js';
import {fdb as fdbTable} from '../../kernel/fdb.js';
import {neigh as neighTable} from '../../kernel/neigh.js';
import {type Route, route as routeTable} from '../../kernel/route.js';
import type {NodeView} from '../../model/view.js';
import {modes} from '../../modes/index.js';
import {widthOf} from '../../net/address.js';
import {baseOf, contains, lengthOf} from '../../net/prefix.js';
import type {Operation} from '../operation.js';
import {contentsOfAddress} from '../operations/address.js';
import {bare} from '../operations/bare.js';
import {contentsOf} from '../operations/contents.js';
import type {Draft} from './draft.js';

const PRUNE = 'a stray of flannel: --prune takes it away';

/** Does flanneld write such rows: a whole pod subnet of the usual length, through a tunnel end or straight to a node? */
function isFlannels({cluster, self, member}: NodeView, row: Route): boolean {
  const own = row.family === 4 ? self?.subnet : self?.ipv6Subnet;
  if (own === undefined || lengthOf(row.dst) !== lengthOf(own) || row.dst === own || row.type !== 'unicast') return false;
  if (row.gateway === undefined || row.nexthops !== undefined || (row.protocol ?? 'boot') !== 'boot') return false;
  if (row.metric !== (row.family === 6 ? 1024 : 0) || !cluster.networks.some((n) => contains(n, row.dst))) return false;
  const tunnel = modes.some((mode) => mode.ownsDevice(row.dev ?? ''));
  return tunnel ? row.gateway === baseOf(row.dst) : row.dev === member.uplink?.name;
}

/** What flannel once wrote and nobody asks for any more; the rest is somebody else's, whatever it does to pods. */
export function strays(view: NodeView, draft: Draft, prune: boolean): void {
  const {changes, cluster, state} = view;
  const take = (what: string, operation: () => Operation): void => {
    // A node that is not known may own it.
    if (!cluster.complete) draft.leave(what, 'it may belong to a node that is not known');
    else if (prune) draft.add(operation(), what);
    else draft.leave(what, PRUNE);
  };
  for (const change of changes.route ?? []) {
    if (change.kind !== 'unexpected') continue;
    const row = bare(change.actual);
    const what = `route ${routeTable.show(row)}`;
    if (isFlannels(view, row)) take(what, () => ({on: 'route', do: 'del', row}));
    else draft.leave(what, 'not written by flannel: never taken away by flanctl');
  }
  for (const change of changes.neigh ?? []) {
    if (change.kind !== 'unexpected' || !change.actual.state.includes('PERMANENT')) continue;
    const row = bare(change.actual);
    take(`neighbour ${neighTable.show(row)}`, () => ({on: 'neigh', do: 'del', row}));
  }
  for (const change of changes.fdb ?? []) {
    if (change.kind !== 'unexpected' || change.actual.state !== 'permanent') continue;
    const row = bare(change.actual);
    take(`fdb entry ${fdbTable.show(row)}`, () => ({on: 'fdb', do: 'del', row}));
  }
  for (const change of changes.address ?? []) {
    if (change.kind !== 'unexpected') continue;
    const row = bare(change.actual);
    const what = `address ${addressTable.show(row)}`;
    if (row.prefixlen === widthOf(row.family) && cluster.networks.some((n) => contains(n, row.local)))
      take(what, () => {
        const contents = contentsOfAddress(draft.state, row);
        return {on: 'address', do: 'del', row, ...((contents.route.length > 0 || contents.neigh.length > 0) && {contents})};
      });
    else draft.leave(what, 'not written by flannel: never taken away by flanctl');
  }
  const wanted = new Set(view.expected?.link.map((w) => w.row.ifname));
  for (const link of state.tables.link ?? []) {
    if (link.kind !== 'vxlan' || wanted.has(link.ifname) || !modes.some((mode) => mode.ownsDevice(link.ifname))) continue;
    const used = (draft.state.tables.route ?? []).find((r) => r.dev === link.ifname && r.gateway !== undefined);
    const what = `device ${link.ifname}`;
    if (used !== undefined) draft.leave(what, `route ${used.dst} uses it`);
    else take(what, () => ({on: 'link', do: 'del', row: bare(link), contents: contentsOf(draft.state, link.ifname)}));
  }
}
