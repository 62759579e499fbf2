import {route as routes} from '../kernel/route.js';
import {called, policyRule} from './policy-pods.js';
import {rows} from './rule.js';
import {token} from './token.js';

export const vpcEniTableConflict = policyRule({
  id: 'vpc-eni-table-conflict',
  stage: 'route',
  severity: 'error',
  holds: "The table of a network interface has that interface's routes and nobody else's.",
  cause:
    'Another program uses a table of the same number: transparent proxies write `local default dev lo` into table 100, which older agents used too.',
  effect: "The pods' packets go where the foreign route says: to the node itself, or nowhere.",
  remedy: "Give one of the two another table: TKE's agent from v3.8.0 on uses 4000 and the interface's index.",
  fix: 'no',
  needs: ['rule', 'route'],
  *check({name}, {tables, pods}) {
    for (const {table, rows: own, gateway, pods: users} of tables) {
      if (users.length === 0) continue;
      const foreign = own.filter((r) => r.type !== 'unicast' || (gateway !== undefined && r.dev !== gateway.dev));
      if (foreign.length === 0) continue;
      const those = pods.filter((p) => users.includes(p.address));
      yield {
        subject: `table ${table}`,
        message: `table ${table} of ${name}, where packets of pods are led to, has ${foreign.length === 1 ? 'a route that is' : 'routes that are'} no network interface's`,
        effect: `${those.map(called).join(', ')} ${those.length === 1 ? 'does' : 'do'} not reach what ${foreign.map((r) => routes.show(r)).join('; ')} takes`,
        evidence: [rows(name, routes.show, [...foreign, ...(gateway ? [gateway] : [])])],
        breaks: users.map((p) => token.pod(name, p)),
      };
    }
  },
});
