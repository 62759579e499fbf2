import {fdbDelete} from '../kernel/commands.js';
import {fdb as table} from '../kernel/fdb.js';
import {isTunnel} from './pair.js';
import {step} from './remedy.js';
import {type NodeRule, rows} from './rule.js';
import {token} from './token.js';

export const fdbDefaultEntry: NodeRule = {
  id: 'fdb-default-entry',
  scope: 'node',
  stage: 'fdb',
  severity: 'warning',
  holds: 'The tunnel device has no all-zero FDB row: flannel never writes one.',
  cause: 'A test or a recipe by hand (`bridge fdb append 00:00:00:00:00:00 …`), or a device made with a remote address.',
  effect: 'Whatever has no row of its own is copied to that address: it hides missing rows, and leaks packets.',
  remedy: 'Delete the row, once the rows of the peers are all there.',
  fix: 'ask',
  needs: ['fdb'],
  *check({name, state}) {
    for (const row of state.tables.fdb ?? []) {
      if (!isTunnel(row.dev) || row.mac !== '00:00:00:00:00:00') continue;
      yield {
        subject: `${row.dev} to ${row.dst ?? 'nowhere'}`,
        message: `${row.dev} on ${name} copies frames without a row of their own to ${row.dst ?? 'no address'}`,
        evidence: [rows(name, table.show, [row])],
        steps: [step(name, fdbDelete(row))],
        dependsOn: [token.device(name, row.dev)],
      };
    }
  },
};
