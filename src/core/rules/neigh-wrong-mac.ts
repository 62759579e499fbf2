import {neighReplace} from '../kernel/commands.js';
import {neigh as table} from '../kernel/neigh.js';
import {cut, peerNamed, severityOn} from './pair.js';
import {step} from './remedy.js';
import {type NodeRule, rows} from './rule.js';
import {token} from './token.js';

export const neighWrongMac: NodeRule = {
  id: 'neigh-wrong-mac',
  scope: 'node',
  stage: 'neigh',
  severity: 'error',
  holds: "The neighbour of each peer carries the hardware address that the peer's tunnel device has.",
  cause: "The peer's device got a new address and this node missed the news, or somebody edited the row.",
  effect: 'Frames arrive at the peer for an address that is not its own, and are dropped there; or no FDB row leads anywhere.',
  remedy: "Write the neighbour with the peer's address (or restart flanneld on the node).",
  restarts: 'node',
  fix: 'safe',
  replay: true,
  needs: ['neigh'],
  *check(view) {
    const {name, changes} = view;
    for (const change of changes.neigh ?? []) {
      if (change.kind !== 'differs' || !change.fields.includes('lladdr') || change.actual[0].lladdr === undefined) continue;
      const {row, peer = '', family} = change.want;
      const lease = peerNamed(view, peer, family);
      yield {
        ...(lease && {severity: severityOn(view, row.dev, lease.subnet)}),
        subject: `${row.dst} (${peer})`,
        message: `${name} takes ${change.actual[0].lladdr} for the address of ${peer}'s ${row.dev}, which is ${row.lladdr}`,
        ...(lease && {effect: cut(view, family, peer, lease.subnet)}),
        evidence: [rows(name, table.show, change.actual)],
        steps: [step(name, neighReplace(row))],
        peers: [peer],
        dependsOn: [token.lease(name), token.lease(peer), token.mac(peer), token.device(name, row.dev), token.route(name, peer)],
        breaks: [token.neigh(name, peer)],
      };
    }
  },
};
