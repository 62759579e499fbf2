import {leaseOf} from '../flannel/lease.js';
import {wg as table} from '../kernel/wg.js';
import {type NodeRule, rows} from './rule.js';
import {token} from './token.js';

export const wgKeepaliveOff: NodeRule = {
  id: 'wg-keepalive-off',
  scope: 'node',
  stage: 'leftover',
  severity: 'warning',
  holds: 'A node behind NAT keeps its WireGuard tunnels alive.',
  cause: "flannel's PersistentKeepaliveInterval is 0 unless it is set (k3s sets 25).",
  effect: 'The NAT forgets an idle tunnel after a minute or two; what is then sent from outside is lost until the node itself sends.',
  remedy: 'Set PersistentKeepaliveInterval: 25 in net-conf.json and restart flannel on every node.',
  fix: 'no',
  restarts: 'everywhere',
  modes: ['wireguard'],
  needs: ['wg', 'address'],
  *check({name, self, state, expected}) {
    for (const family of [4, 6] as const) {
      const own = self && leaseOf(self, family);
      // It is published at an address that it does not have: somebody translates.
      if (!own || (state.tables.address ?? []).some((a) => a.local === own.publicIP)) continue;
      const devices = new Set((expected?.wg ?? []).filter((w) => w.family === family).map((w) => w.row.dev));
      const idle = (state.tables.wg ?? []).filter((p) => devices.has(p.dev) && p.persistentKeepalive === undefined);
      if (idle.length === 0) continue;
      yield {
        subject: own.publicIP,
        message: `${name} is reached at ${own.publicIP}, which is not its own, and keeps ${idle.length === 1 ? 'its tunnel' : `none of its ${idle.length} tunnels`} alive`,
        evidence: [rows(name, table.show, idle.slice(0, 5))],
        dependsOn: [token.lease(name)],
      };
    }
  },
};
