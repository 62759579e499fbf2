import {neighDelete} from '../kernel/commands.js';
import {neigh as table} from '../kernel/neigh.js';
import {holderOf} from './pair.js';
import {step} from './remedy.js';
import {type NodeRule, rows} from './rule.js';
import {token} from './token.js';

export const neighStray: NodeRule = {
  id: 'neigh-stray',
  scope: 'node',
  stage: 'neigh',
  severity: 'info',
  holds: 'Permanent neighbours on the tunnel device belong to subnets that a node holds.',
  cause: 'A node left while flanneld was not running here; its rows stay.',
  effect: 'None as long as no route uses the row.',
  remedy: 'Delete it.',
  fix: 'safe',
  replay: true,
  needs: ['neigh'],
  needsWholeCluster: true,
  *check(view) {
    const {name, changes, cluster} = view;
    for (const change of changes.neigh ?? []) {
      if (change.kind !== 'unexpected' || !change.actual.state.includes('PERMANENT')) continue;
      const row = change.actual;
      // A peer whose device is missing has no address to compare with: its rows are not strays.
      if (holderOf(view, row.dst) !== undefined) continue;
      // What every node believes is rather a node that was not read: route-stale says it once.
      const holders = [...(cluster.claims.neigh.get(row.dst)?.values() ?? [])].flat();
      if (cluster.source === 'derived' && holders.length >= cluster.members.length) continue;
      yield {
        subject: row.dst,
        message: `${name} has a permanent neighbour ${row.dst} on ${row.dev} that belongs to no node's subnet`,
        evidence: [rows(name, table.show, [row])],
        steps: [step(name, neighDelete(row))],
        dependsOn: [token.lease(name), token.device(name, row.dev), token.route(name, row.dst)],
        breaks: row.lladdr === undefined ? [] : [token.neigh(name, row.lladdr)],
      };
    }
  },
};
