import {route as routes} from '../kernel/route.js';
import {policyRule} from './policy-pods.js';
import {absent, rows} from './rule.js';

export const vpcEniNoAddress = policyRule({
  id: 'vpc-eni-no-address',
  stage: 'device',
  severity: 'warning',
  holds: "Network interfaces of pods have an IPv4 address, the interface's own or the node's.",
  cause: 'Its DHCP lease ran out, or somebody took the address off.',
  effect:
    'Its table works until the next flush empties it; neighbours are asked, and connections masqueraded, with an address of another interface.',
  remedy: 'Restart the agent or the DHCP client that gives it its address.',
  fix: 'ask',
  needs: ['address', 'route', 'rule'],
  *check({name, state}, {tables, uplink}) {
    for (const {table, gateway, pods} of tables) {
      const dev = gateway?.dev;
      if (!gateway || dev === undefined || dev === uplink || pods.length === 0) continue;
      if ((state.tables.address ?? []).some((a) => a.dev === dev && a.family === 4)) continue;
      yield {
        subject: dev,
        message: `${dev} of ${name}, where packets of pods leave by table ${table}, has no IPv4 address`,
        evidence: [absent(name, state.commands['ip-addr'] ?? 'ip addr show', `inet … dev ${dev}`), rows(name, routes.show, [gateway])],
      };
    }
  },
});
