import {linkUp} from '../kernel/commands.js';
import {link as table} from '../kernel/link.js';
import {bothWays} from './device-missing.js';
import {idleTunnel} from './idle-tunnel.js';
import {replayRows, step} from './remedy.js';
import {type NodeRule, rows} from './rule.js';
import {token} from './token.js';

export const tunnelDevDown: NodeRule = {
  id: 'tunnel-dev-down',
  scope: 'node',
  stage: 'device',
  severity: 'error',
  holds: 'The tunnel device (flannel.ipip, flannel-wg, flannel0) is administratively up.',
  cause: 'A network manager or a person took it down.',
  effect: "Nothing leaves or enters the node through the tunnel; its routes went with the device's state.",
  remedy: 'Bring the device up and write its routes again: going down removed them; WireGuard keeps its peers.',
  fix: 'ask',
  modes: ['udp', 'ipip', 'wireguard'],
  needs: ['link'],
  *check(view) {
    const {name, changes, expected, cluster, state} = view;
    for (const change of changes.link ?? []) {
      if (change.kind !== 'differs' || !change.fields.includes('up')) continue;
      const [device] = change.actual;
      const held = new Set((state.tables.wg ?? []).map((p) => p.publicKey));
      const wanted = expected && {
        ...expected,
        wg: cluster.settings?.psk ? [] : (expected.wg ?? []).filter((w) => !held.has(w.row.publicKey)),
      };
      yield {
        subject: device.ifname,
        message: `${device.ifname} on ${name} is down`,
        effect: bothWays(view, change.want),
        ...idleTunnel(view, device.ifname, change.want.family),
        evidence: [rows(name, table.show, [device])],
        steps: [step(name, linkUp(device.ifname)), ...(wanted ? replayRows(name, wanted, (dev) => dev === device.ifname) : [])],
        dependsOn: [token.lease(name), token.device(name, device.ifname)],
        breaks: [token.device(name, device.ifname)],
      };
    }
  },
};
