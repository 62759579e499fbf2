import {linkUp} from '../kernel/commands.js';
import {link as table} from '../kernel/link.js';
import {idleTunnel} from './idle-tunnel.js';
import {replayRows, step} from './remedy.js';
import {type NodeRule, rows} from './rule.js';
import {token} from './token.js';

export const vxlanDevDown: NodeRule = {
  id: 'vxlan-dev-down',
  scope: 'node',
  stage: 'device',
  severity: 'error',
  holds: 'The VXLAN device is administratively up.',
  cause: 'A network manager or a person took it down, or flanneld failed between making it and bringing it up (its port was in use).',
  effect: "Nothing leaves or enters the node through the tunnel; its routes and neighbours went with the device's state.",
  remedy: 'Bring the device up and write its rows again: going down removed routes and neighbours, only the FDB stays.',
  fix: 'ask',
  modes: ['vxlan'],
  needs: ['link'],
  *check(view) {
    const {name, changes, expected} = view;
    for (const change of changes.link ?? []) {
      // operstate is UNKNOWN on a healthy VXLAN device; only the UP flag tells.
      if (change.kind !== 'differs' || !change.fields.includes('up')) continue;
      const [device] = change.actual;
      yield {
        subject: device.ifname,
        message: `${device.ifname} on ${name} is down`,
        effect: `pods of ${name} cannot reach pods of other nodes, in both directions`,
        ...idleTunnel(view, device.ifname, change.want.family),
        evidence: [rows(name, table.show, [device])],
        steps: [step(name, linkUp(device.ifname)), ...(expected ? replayRows(name, expected, (dev) => dev === device.ifname) : [])],
        dependsOn: [token.lease(name), token.device(name, device.ifname)],
        breaks: [token.device(name, device.ifname)],
      };
    }
  },
};
