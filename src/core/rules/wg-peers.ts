import {wgPeerRemove, wgPeerSet} from '../kernel/tunnel-commands.js';
import type {WgPeer} from '../kernel/wg.js';
import type {Change} from '../model/diff.js';
import type {NodeView} from '../model/view.js';
import type {Want} from '../modes/mode.js';
import {step} from './remedy.js';
import type {Step} from './rule.js';
import {token} from './token.js';

/** What rules about WireGuard's peers share. */

/** Keys of nodes that were read, or whose leases say them. */
const keysOf = ({cluster}: NodeView): ReadonlySet<string> =>
  new Set(cluster.members.flatMap(({lease}) => (lease?.publicKey === undefined ? [] : [lease.publicKey])));

/** Rows of keys that are no node's, and hold the peer's subnet or endpoint: what the peer was known by before. */
export function oldRows(view: NodeView, {row}: Want<WgPeer>): readonly WgPeer[] {
  const keys = keysOf(view);
  return (view.changes.wg ?? []).flatMap((change) => {
    if (change.kind !== 'unexpected' || keys.has(change.actual.publicKey) || change.actual.dev !== row.dev) return [];
    const {actual} = change;
    const same = actual.allowedIPs.some((prefix) => row.allowedIPs.includes(prefix));
    return same || (actual.allowedIPs.length === 0 && actual.endpoint?.address === row.endpoint?.address) ? [actual] : [];
  });
}

/** The commands that make a peer as flannel would; none where it takes a preshared key, which is in no table. */
export const peerSteps = ({name, cluster}: NodeView, {row}: Want<WgPeer>, old: readonly WgPeer[] = []): readonly Step[] =>
  cluster.settings?.psk === true ? [] : [...old.map((o) => step(name, wgPeerRemove(o))), step(name, wgPeerSet(row))];

/** What a peer's row hangs on. */
export const peerNeeds = ({name}: NodeView, peer: string, dev: string) => [
  token.lease(name),
  token.lease(peer),
  token.key(name),
  token.key(peer),
  token.news(name, peer),
  token.device(name, dev),
];

/** The changes of peers that are somebody's, with their node's name. */
export function* ofPeers(view: NodeView): Generator<{
  readonly peer: string;
  readonly want: Want<WgPeer>;
  readonly change: Exclude<Change<WgPeer>, {readonly kind: 'unexpected'}>;
}> {
  for (const change of view.changes.wg ?? []) {
    if (change.kind !== 'unexpected' && change.want.peer !== undefined) yield {peer: change.want.peer, want: change.want, change};
  }
}
