import {leaseOf} from '../flannel/lease.js';
import {link as table} from '../kernel/link.js';
import {type NodeRule, rows} from './rule.js';
import {token} from './token.js';

export const udpProxyMissing: NodeRule = {
  id: 'udp-proxy-missing',
  scope: 'node',
  stage: 'device',
  severity: 'error',
  holds: 'Behind flannel0 flanneld listens on its UDP port, at the address that the others send to.',
  cause: 'Somebody made a TUN device of that name, so that flanneld took another or none; or flanneld is bound to another address or port.',
  effect: 'What goes into the device is read by nobody, and what the others send finds the port closed.',
  remedy: 'Delete a device that is not flanneld’s, and restart flannel on the node.',
  fix: 'no',
  restarts: 'node',
  modes: ['udp'],
  needs: ['link', 'sockets'],
  *check({name, self, state, cluster, expected}) {
    const own = self && leaseOf(self, 4);
    const port = cluster.settings?.port;
    const device = state.tables.link?.find((l) => expected?.link.some((w) => w.row.ifname === l.ifname));
    if (!own || port === undefined || !device) return;
    const sockets = state.sockets ?? [];
    if (sockets.some((s) => s.port === port && (s.local === own.publicIP || s.local === '0.0.0.0' || s.local === '*'))) return;
    const near = sockets.filter((s) => s.port === port || s.process?.includes('flanneld') === true);
    yield {
      subject: `UDP ${port}`,
      message: `${device.ifname} is there on ${name}, but nobody listens on UDP ${port} at ${own.publicIP}`,
      effect: `pods of ${name} (${own.subnet}) cannot reach pods of other nodes, in both directions`,
      evidence: [
        rows(name, table.show, [device]),
        {
          node: name,
          command: state.commands['ss-udp'] ?? 'ss -lunp',
          lines: near.length > 0 ? near.map((s) => `${s.local}:${s.port} ${s.process ?? ''}`.trim()) : [`(no socket on UDP ${port})`],
        },
      ],
      dependsOn: [token.lease(name), token.device(name, device.ifname)],
      breaks: [token.device(name, device.ifname)],
    };
  },
};
