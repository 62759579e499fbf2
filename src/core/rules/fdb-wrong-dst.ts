import {fdbReplace} from '../kernel/commands.js';
import {fdb as table} from '../kernel/fdb.js';
import {cut, peerNamed, severityOn} from './pair.js';
import {step} from './remedy.js';
import {type NodeRule, rows} from './rule.js';
import {token} from './token.js';

export const fdbWrongDst: NodeRule = {
  id: 'fdb-wrong-dst',
  scope: 'node',
  stage: 'fdb',
  severity: 'error',
  holds: "The FDB row of each peer leads to the peer's public address.",
  cause: 'The peer changed its address and this node missed it, or somebody edited the row.',
  effect: 'Packets in the tunnel go to a machine that is not the peer.',
  remedy: "Write the row with the peer's public address (or restart flanneld on the node).",
  restarts: 'node',
  fix: 'safe',
  needs: ['fdb'],
  *check(view) {
    const {name, changes} = view;
    for (const change of changes.fdb ?? []) {
      if (change.kind !== 'differs') continue;
      const {row, peer = '', family} = change.want;
      const lease = peerNamed(view, peer, family);
      yield {
        ...(lease && {severity: severityOn(view, row.dev, lease.subnet)}),
        subject: `${row.mac} (${peer})`,
        message: `${name} sends frames for ${peer} (${row.mac}) to ${change.actual[0].dst}, but ${peer} is ${row.dst}`,
        ...(lease && {effect: cut(view, family, peer, lease.subnet)}),
        evidence: [rows(name, table.show, change.actual)],
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
  },
};
