import {fdbReplace} from '../kernel/commands.js';
import {fdb as table} from '../kernel/fdb.js';
import {neigh as neighTable} from '../kernel/neigh.js';
import type {NodeView} from '../model/view.js';
import {looked} from '../node/state.js';
import {cut, isTunnel, listing, peerNamed, peerWithBase, severityOn} from './pair.js';
import {step} from './remedy.js';
import {absent, type NodeRule, type Observation, rows} from './rule.js';
import {token} from './token.js';

export const fdbMissing: NodeRule = {
  id: 'fdb-missing',
  scope: 'node',
  stage: 'fdb',
  severity: 'error',
  holds: "Every peer's tunnel hardware address has an FDB row that leads to the peer's public address.",
  cause: 'A network restart or another program deleted the row, or flanneld lost an event while many nodes joined.',
  effect: 'Route and neighbour are perfect, and the kernel drops the frame because it does not know where to send it.',
  remedy: 'Write the row again (or restart flanneld on the node).',
  restarts: 'node',
  fix: 'safe',
  needs: ['fdb'],
  *check(view) {
    const {name, changes, state} = view;
    for (const change of changes.fdb ?? []) {
      if (change.kind !== 'missing') continue;
      const {row, peer = '', family} = change.want;
      const lease = peerNamed(view, peer, family);
      // An all-zero row sends what has no row of its own; fdb-default-entry speaks of it.
      const flooded = (state.tables.fdb ?? []).some((f) => f.dev === row.dev && f.mac === '00:00:00:00:00:00' && f.dst === row.dst);
      yield {
        severity: flooded ? 'warning' : lease ? severityOn(view, row.dev, lease.subnet) : 'error',
        subject: `${row.mac} (${peer})`,
        message: `${name} has no FDB row on ${row.dev} for ${row.mac}, the tunnel device of ${peer}`,
        ...(flooded
          ? {effect: 'packets arrive only because an all-zero row sends them there'}
          : lease && {effect: cut(view, family, peer, lease.subnet)}),
        evidence: [absent(name, listing(view, 'fdb', family), table.show(row))],
        steps: [step(name, fdbReplace(row))],
        peers: [peer],
        dependsOn: [
          token.lease(name),
          token.lease(peer),
          token.mac(peer),
          token.device(name, row.dev),
          token.route(name, peer),
          token.neigh(name, peer),
        ],
        breaks: [token.fdb(name, peer)],
      };
    }
    yield* neighboursOfUnknownPeers(view);
  },
};

/** One node's listing is enough to see that a permanent neighbour on the tunnel leads nowhere. */
function* neighboursOfUnknownPeers(view: NodeView): Iterable<Observation> {
  const {name, state, cluster} = view;
  // With everybody known a neighbour that is nobody's is a stray; a learning device may know the address for a while.
  if (cluster.complete || !looked(state, 'fdb')) return;
  const sent = new Set((state.tables.fdb ?? []).filter((f) => f.dst !== undefined).map((f) => `${f.dev} ${f.mac}`));
  for (const row of state.tables.neigh ?? []) {
    if (!isTunnel(row.dev) || row.lladdr === undefined || !row.state.includes('PERMANENT') || sent.has(`${row.dev} ${row.lladdr}`))
      continue;
    if (sent.has(`${row.dev} 00:00:00:00:00:00`)) continue;
    const known = peerWithBase(view, row.dst);
    if (known && view.expected) continue;
    const ends = [...(cluster.claims.fdb.get(row.lladdr)?.keys() ?? [])];
    yield {
      subject: `${row.lladdr} (${row.dst})`,
      message: `${name} has no FDB row on ${row.dev} for ${row.lladdr}, the neighbour ${row.dst}`,
      effect: `pods of ${name} cannot reach the pods behind ${row.dst}`,
      evidence: [
        rows(name, neighTable.show, [row]),
        absent(name, listing(view, 'fdb', row.family), `${row.lladdr} dev ${row.dev} dst … self permanent`),
      ],
      ...(ends.length === 1 && {steps: [step(name, fdbReplace({mac: row.lladdr, dev: row.dev, dst: ends[0]!}))]}),
      ...(known && {peers: [known.node]}),
      dependsOn: [token.lease(name), token.device(name, row.dev), ...(known ? [token.lease(known.node), token.mac(known.node)] : [])],
      breaks: [token.fdb(name, known?.node ?? row.lladdr)],
    };
  }
}
