import {fdbDelete} from '../kernel/commands.js';
import {fdb as table} from '../kernel/fdb.js';
import {step} from './remedy.js';
import {type NodeRule, rows} from './rule.js';
import {token} from './token.js';

export const fdbStray: NodeRule = {
  id: 'fdb-stray',
  scope: 'node',
  stage: 'fdb',
  severity: 'info',
  holds: 'FDB rows on the tunnel device belong to tunnel devices that exist.',
  cause: 'A node left, or its tunnel device got another hardware address: flanneld adds the new row and keeps the old one.',
  effect: 'None as long as no neighbour has this hardware address.',
  remedy: 'Delete it.',
  fix: 'safe',
  needs: ['fdb'],
  needsWholeCluster: true,
  *check({name, changes, peers, cluster}) {
    const holders = new Map(peers.flatMap((p) => [[p.publicIP, p] as const, [p.publicIPv6, p] as const]));
    const alive = new Set(peers.flatMap((p) => [p.vtepMAC, p.vtepMACv6]));
    for (const change of changes.fdb ?? []) {
      if (change.kind !== 'unexpected' || change.actual.state !== 'permanent') continue;
      const row = change.actual;
      const peer = holders.get(row.dst);
      // The device is there, and its node has lost the address: the lease rules speak of that.
      if (alive.has(row.mac)) continue;
      // A peer whose device is missing has no address to compare with: its rows are not strays.
      if (peer && (row.dst?.includes(':') ? peer.vtepMACv6 : peer.vtepMAC) === undefined) continue;
      // What every node believes is rather a node that was not read: route-stale says it once.
      const claimants = [...(cluster.claims.fdb.get(row.mac)?.values() ?? [])].flat();
      if (cluster.source === 'derived' && claimants.length >= cluster.members.length) continue;
      yield {
        subject: row.mac,
        message: `${name} has an FDB row on ${row.dev} for ${row.mac} to ${row.dst}, which is no node's tunnel device`,
        evidence: [rows(name, table.show, [row])],
        steps: [step(name, fdbDelete(row))],
        ...(peer && {peers: [peer.node]}),
        dependsOn: [
          token.lease(name),
          token.device(name, row.dev),
          token.neigh(name, row.mac),
          ...(peer ? [token.mac(peer.node), token.lease(peer.node), token.neigh(name, peer.node)] : []),
        ],
      };
    }
  },
};
