import {neighReplace} from '../kernel/commands.js';
import {neigh as table} from '../kernel/neigh.js';
import {step} from './remedy.js';
import {type NodeRule, rows} from './rule.js';
import {token} from './token.js';

export const neighNotPermanent: NodeRule = {
  id: 'neigh-not-permanent',
  scope: 'node',
  stage: 'neigh',
  severity: 'warning',
  holds: 'The neighbours on the tunnel device are PERMANENT.',
  cause: 'Another program replaced the row, or a packet made the kernel learn it.',
  effect: 'Works until the kernel asks again: nobody answers on the tunnel, and the row fails.',
  remedy: 'Write the neighbour as PERMANENT.',
  fix: 'safe',
  needs: ['neigh'],
  *check({name, changes}) {
    for (const change of changes.neigh ?? []) {
      if (change.kind !== 'differs' || change.fields.join() !== 'state') continue;
      const {row, peer = ''} = change.want;
      yield {
        subject: `${row.dst} (${peer})`,
        message: `the neighbour ${row.dst} on ${row.dev} of ${name}, for ${peer}, is ${change.actual[0].state.join(' ')} and not PERMANENT`,
        evidence: [rows(name, table.show, change.actual)],
        steps: [step(name, neighReplace(row))],
        peers: [peer],
        dependsOn: [token.lease(name), token.lease(peer), token.mac(peer), token.device(name, row.dev), token.route(name, peer)],
        breaks: [token.neigh(name, peer)],
      };
    }
  },
};
