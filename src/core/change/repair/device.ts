import {type Link, localOf} from '../../kernel/link.js';
import {mostCommon} from '../../model/most-common.js';
import type {NodeView} from '../../model/view.js';
import {bare} from '../operations/bare.js';
import {contentsOf, neighboursOf} from '../operations/contents.js';
import {mustBeNew} from '../operations/device-words/index.js';
import type {Draft} from './draft.js';

/** Makes the tunnel devices what the mode wants: in place where the kernel can, else anew; the rows on them are the next step's. */
export function devices(view: NodeView, draft: Draft): void {
  for (const change of view.changes.link ?? []) {
    if (change.kind === 'unexpected') continue;
    const want = change.want.row;
    const what = `device ${want.ifname}`;
    const holder = holderOf(view);
    if (change.kind === 'missing') {
      if (holder === undefined) draft.add({on: 'link', do: 'add', row: want}, what);
      else draft.leave(what, holder);
      continue;
    }
    const before = bare(change.actual[0]);
    if (holder !== undefined && !before.flags.includes('UP')) {
      draft.leave(what, holder);
      continue;
    }
    const row = adjusted(view, want, before, draft);
    if (row === before) continue;
    if (!mustBeNew(row, before)) {
      const moved = row.address !== before.address;
      draft.add({on: 'link', do: 'replace', row, before, ...(moved && {contents: neighboursOf(draft.state, row.ifname)})}, what);
      continue;
    }
    draft.add({on: 'link', do: 'del', row: before, contents: contentsOf(draft.state, before.ifname)}, what);
    draft.add(
      {on: 'link', do: 'add', row: {...want, ...(want.address === undefined && before.address !== undefined && {address: before.address})}},
      what,
    );
  }
}

/** Who has the tunnel's UDP port, so that no device can come up with it. */
function holderOf({state, cluster: {mode, settings}}: NodeView): string | undefined {
  const device = (state.tables.link ?? []).find(
    (l) => l.kind === 'vxlan' && !mode?.ownsDevice(l.ifname) && l.info?.['port'] === settings?.port && l.flags.includes('UP'),
  );
  const socket = (state.sockets ?? []).find(
    (s) => s.port === settings?.port && s.process !== undefined && (s.local === '0.0.0.0' || s.local === '::'),
  );
  const who = device?.ifname ?? socket?.process;
  return who && `${who} holds UDP port ${settings?.port}, which it needs`;
}

/** The device with what is wrong of it put right, and what may be meant left as it is; `before` itself when nothing is. */
function adjusted({name, state, member, cluster}: NodeView, want: Link, before: Link, draft: Draft): Link {
  const held = (address: unknown) => (state.tables.address ?? []).find((a) => a.local === address)?.dev;
  const info: {[key: string]: unknown} = {...before.info};
  let changed = false;
  const set = (key: string, value: unknown) => {
    if (value === undefined || info[key] === value) return;
    info[key] = value;
    changed = true;
  };
  for (const key of ['id', 'port', 'learning']) set(key, want.info?.[key]);
  const local = localOf(want);
  // With another address of the node's own the tunnel works, and a source that the node has not would stop it.
  if (local !== undefined && local !== localOf(before) && held(localOf(before)) === undefined) {
    if (held(local) === undefined) draft.leave(`source of ${want.ifname}`, `${local} is on no interface of ${name}`);
    else set(local.includes(':') ? 'local6' : 'local', local);
  }
  const lower = want.info?.['link'];
  if (lower !== before.info?.['link'] && held(info['local'] ?? info['local6']) === lower) set('link', lower);
  const usual = mostCommon(
    cluster.members.flatMap((m) => (m.uplink ? [m.uplink.mtu] : [])),
    String,
  );
  const uplink = member.uplink!;
  let {mtu} = before;
  if (want.mtu !== mtu) {
    // The tunnel is right and its lower device is not: that one is the machine's.
    if (want.mtu < mtu && usual !== undefined && uplink.mtu < usual)
      draft.leave(
        `MTU of ${want.ifname}`,
        `it is right for the ${usual} bytes that the other nodes' interfaces have; ${uplink.name} has ${uplink.mtu}`,
      );
    else mtu = want.mtu;
  }
  const up = before.flags.includes('UP');
  const address = want.address ?? before.address;
  if (!changed && mtu === before.mtu && up && address === before.address && want.kind === before.kind) return before;
  return {
    ...before,
    ...(want.kind !== undefined && {kind: want.kind}),
    ...(address !== undefined && {address}),
    mtu,
    flags: up ? before.flags : [...before.flags, 'UP'],
    info: want.kind === before.kind ? info : {...want.info},
  };
}
