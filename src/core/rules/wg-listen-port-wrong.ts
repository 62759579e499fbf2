import {link as table} from '../kernel/link.js';
import {wgListenPort} from '../kernel/tunnel-commands.js';
import {step} from './remedy.js';
import {type NodeRule, rows} from './rule.js';
import {token} from './token.js';

export const wgListenPortWrong: NodeRule = {
  id: 'wg-listen-port-wrong',
  scope: 'node',
  stage: 'device',
  severity: 'warning',
  holds: 'The WireGuard device listens on the port that its peers send to.',
  cause: 'ListenPort was changed and flannel not restarted here, or somebody made the device by hand.',
  effect: 'Whoever sends first to this node gets no answer; once the node has sent something, the others follow it to its port.',
  remedy: 'Set the port, or restart flannel on the node.',
  fix: 'ask',
  restarts: 'node',
  modes: ['wireguard'],
  needs: ['link'],
  *check({name, changes}) {
    for (const change of changes.link ?? []) {
      const port = change.kind === 'differs' && change.fields.includes('listenPort') ? change.want.row.info?.['listenPort'] : undefined;
      if (change.kind !== 'differs' || typeof port !== 'number') continue;
      const [device] = change.actual;
      yield {
        subject: device.ifname,
        message: `${device.ifname} on ${name} listens on UDP ${String(device.info?.['listenPort'])}, the others send to ${port}`,
        evidence: [rows(name, table.show, [device])],
        steps: [step(name, wgListenPort(device.ifname, port))],
        dependsOn: [token.lease(name), token.device(name, device.ifname)],
      };
    }
  },
};
