import {lookup} from '../../forwarding/lookup.js';
import type {Route} from '../../kernel/route.js';
import {route as routeTable} from '../../kernel/route.js';
import type {NodeView} from '../../model/view.js';
import {contentsOfAddress} from '../operations/address.js';
import {bare} from '../operations/bare.js';
import {configured} from '../operations/contents.js';
import type {Draft} from './draft.js';

/** The addresses of the tunnel devices. */
export function addresses({changes}: NodeView, draft: Draft): void {
  for (const change of changes.address ?? []) {
    if (change.kind === 'unexpected') continue;
    const {row} = change.want;
    if (!draft.ready(row.dev)) continue;
    const what = `address ${row.local}/${row.prefixlen} on ${row.dev}`;
    if (change.kind === 'differs') {
      draft.add({on: 'address', do: 'replace', row, before: bare(change.actual[0])}, what);
      continue;
    }
    const contents = contentsOfAddress(draft.state, row);
    const some = contents.route.length > 0 || contents.neigh.length > 0;
    draft.add({on: 'address', do: 'add', row, ...(some && {contents})}, what);
  }
}

/** What leads to each peer's tunnel end. */
export function ends({changes}: NodeView, draft: Draft): void {
  for (const change of changes.neigh ?? []) {
    if (change.kind === 'unexpected') continue;
    const {row, peer} = change.want;
    if (!draft.ready(row.dev)) continue;
    const what = `neighbour ${row.dst} of ${peer}`;
    if (change.kind === 'differs') draft.add({on: 'neigh', do: 'replace', row, before: bare(change.actual[0])}, what);
    else draft.add({on: 'neigh', do: 'add', row}, what);
  }
  for (const change of changes.fdb ?? []) {
    if (change.kind === 'unexpected') continue;
    const {row, peer} = change.want;
    if (!draft.ready(row.dev)) continue;
    const what = `fdb entry ${row.mac} of ${peer}`;
    if (change.kind === 'differs') draft.add({on: 'fdb', do: 'replace', row, before: bare(change.actual[0])}, what);
    else draft.add({on: 'fdb', do: 'add', row}, what);
  }
}

/** What encrypts for each peer: WireGuard's peers, IPsec's policies. */
export function secured({changes}: NodeView, draft: Draft): void {
  for (const change of changes.wg ?? []) {
    if (change.kind === 'unexpected') continue;
    const {row, peer} = change.want;
    if (!draft.ready(row.dev)) continue;
    const what = `WireGuard peer ${row.publicKey} (${peer})`;
    if (change.kind === 'differs') draft.add({on: 'wg', do: 'replace', row, before: configured(change.actual[0])}, what);
    else draft.add({on: 'wg', do: 'add', row}, what);
  }
  for (const change of changes.xfrm ?? []) {
    if (change.kind === 'unexpected') continue;
    const {row, peer} = change.want;
    const what = `policy ${row.dir} of ${peer}`;
    if (change.kind === 'differs') draft.add({on: 'xfrm', do: 'replace', row, before: bare(change.actual[0])}, what);
    else draft.add({on: 'xfrm', do: 'add', row}, what);
  }
}

/** The routes to each peer's pods: what stands in a wanted one's place becomes it, in one step wherever the kernel can. */
export function routes({changes, member}: NodeView, draft: Draft): void {
  const down = new Set<string>();
  for (const change of changes.route ?? []) {
    if (change.kind === 'unexpected') continue;
    const {row: want, peer} = change.want;
    const what = `route ${want.dst} to ${peer}`;
    if (!draft.ready(want.dev)) {
      if (want.dev === member.uplink?.name && !down.has(want.dev!)) draft.leave(`routes by ${want.dev}`, 'it is down');
      down.add(want.dev ?? '');
      continue;
    }
    if (offLink(want, draft)) {
      draft.leave(what, `${want.gateway} is not on the link of ${want.dev}: no route can lead through it`);
      continue;
    }
    if (change.kind === 'missing') {
      draft.add({on: 'route', do: 'add', row: want}, what);
      continue;
    }
    const before = bare(change.actual[0]);
    if (before.tos !== undefined) {
      draft.leave(what, `${routeTable.show(before)} is for one type of service only: nothing of flannel's`);
      continue;
    }
    // Its place among rows of other metrics is the one that counts.
    const row: Route = {...want, metric: before.metric};
    if (inOneStep(before)) draft.add({on: 'route', do: 'replace', row, before}, what);
    else {
      draft.add({on: 'route', do: 'del', row: before}, what);
      draft.add({on: 'route', do: 'add', row}, what);
    }
  }
}

/** Is the gateway of a plain route reached through another one? The kernel refuses such a row. */
function offLink({gateway, flags}: Route, {state}: Draft): boolean {
  if (gateway === undefined || flags.includes('onlink')) return false;
  const found = lookup(state, {dst: gateway});
  return found.kind === 'refused' || (found.kind === 'route' && (found.route.gateway !== undefined || found.route.type !== 'unicast'));
}

/** IPv6 neither replaces a row that refuses nor one of several ways with a single one. */
const inOneStep = (before: Route): boolean => before.family === 4 || (before.type === 'unicast' && before.nexthops === undefined);
