import {link as table} from '../kernel/link.js';
import {replayRows} from './remedy.js';
import {absent, type NodeRule, rows} from './rule.js';
import {token} from './token.js';

export const vxlanDevEmpty: NodeRule = {
  id: 'vxlan-dev-empty',
  scope: 'node',
  stage: 'device',
  severity: 'error',
  holds: 'The VXLAN device has the rows of its peers.',
  cause: 'The device was made anew without them (flanneld v0.28.5 and later after a deletion), or another program flushed them.',
  effect: "The device is there and up, yet nothing leaves through it; peers' packets arrive and the answers are lost.",
  remedy: 'Write all rows again, as a restart of flannel on the node does.',
  fix: 'safe',
  modes: ['vxlan'],
  needs: ['link', 'address', 'route', 'neigh'],
  *check({name, changes, expected, state}) {
    if (!expected) return;
    const gone = (
      list: readonly {readonly kind: string; readonly want?: {readonly row: {readonly dev?: string}}}[] | undefined,
      dev: string,
    ) => (list ?? []).filter((c) => c.kind === 'missing' && c.want?.row.dev === dev).length;
    for (const {
      row: {ifname},
    } of expected.link) {
      const device = (state.tables.link ?? []).find((l) => l.ifname === ifname);
      // A device that is down, or lost the address that its routes hung on, has its own rule.
      if (!device?.flags.includes('UP') || gone(changes.address, ifname) > 0) continue;
      const routes = expected.route.filter((w) => w.row.dev === ifname && !w.tolerated).length;
      const neighbours = expected.neigh.filter((w) => w.row.dev === ifname && !w.tolerated).length;
      if (routes === 0 || gone(changes.route, ifname) < routes || gone(changes.neigh, ifname) < neighbours) continue;
      yield {
        subject: ifname,
        message: `${ifname} on ${name} is up but has none of its ${routes} routes and ${neighbours} neighbours`,
        effect: `pods of ${name} cannot reach pods of other nodes`,
        evidence: [
          rows(name, table.show, [device]),
          absent(name, `ip route show dev ${ifname}`, 'any'),
          absent(name, `ip neigh show dev ${ifname}`, 'any'),
        ],
        steps: replayRows(name, expected, (dev) => dev === ifname),
        dependsOn: [token.lease(name)],
        breaks: [token.device(name, ifname)],
      };
    }
  },
};
