import {routeDelete} from '../kernel/commands.js';
import {route as routes} from '../kernel/route.js';
import {policyRule} from './policy-pods.js';
import {step} from './remedy.js';
import {rows} from './rule.js';

export const vpcEniMainRouteDuplicate = policyRule({
  id: 'vpc-eni-main-route-duplicate',
  stage: 'route',
  severity: 'warning',
  holds: "The subnet of the node's own interface is reached by that interface alone.",
  cause: 'A network manager put an address on the second interface, and the kernel its connected route.',
  effect: "Answers of the node itself leave by the pods' interface with the node's address, and a cloud that checks drops them.",
  remedy: 'Delete the route over the second interface, and take that interface away from the network manager.',
  fix: 'safe',
  needs: ['route', 'rule'],
  *check({name, state}, {tables, uplink}) {
    const enis = new Set(tables.flatMap((t) => (t.gateway?.dev === undefined || t.gateway.dev === uplink ? [] : [t.gateway.dev])));
    const connected = (state.tables.route ?? []).filter(
      (r) =>
        r.family === 4 &&
        r.table === 'main' &&
        r.type === 'unicast' &&
        r.gateway === undefined &&
        r.dst !== '0.0.0.0/0' &&
        !r.dst.endsWith('/32'),
    );
    for (const row of connected) {
      if (row.dev === undefined || !enis.has(row.dev)) continue;
      const own = connected.find((r) => r.dst === row.dst && r.dev === uplink);
      if (!own || row.metric > own.metric) continue;
      yield {
        subject: `${row.dst} dev ${row.dev}`,
        message: `${name} reaches ${row.dst} by ${row.dev}, an interface of pods, before its own ${own.dev}`,
        evidence: [rows(name, routes.show, [row, own])],
        steps: [step(name, routeDelete(row))],
      };
    }
  },
});
