import {localOf, link as table} from '../kernel/link.js';
import {bothWays} from './device-missing.js';
import {idleTunnel} from './idle-tunnel.js';
import {rebuildDevice} from './rebuild.js';
import {step} from './remedy.js';
import {type NodeRule, rows} from './rule.js';
import {token} from './token.js';

export const ipipDevLocalWrong: NodeRule = {
  id: 'ipip-dev-local-wrong',
  scope: 'node',
  stage: 'device',
  severity: 'error',
  holds: "flannel.ipip takes what is sent to the node's public address, and has no fixed far end.",
  cause: 'The node got another address after flannel had started, or somebody made the device by hand.',
  effect: 'The node is deaf: the kernel gives packets to another address to no device, or sends all of them to one far end.',
  remedy: 'Restart flannel on the node, which makes such a device anew; or do what it does.',
  fix: 'ask',
  restarts: 'node',
  modes: ['ipip'],
  needs: ['link'],
  *check(view) {
    const {name, changes} = view;
    for (const change of changes.link ?? []) {
      if (change.kind !== 'differs') continue;
      const wrong = change.fields.filter((field) => ['kind', 'local', 'remote'].includes(field));
      if (wrong.length === 0) continue;
      const {want} = change;
      const [device] = change.actual;
      const [right, is] = [localOf(want.row), localOf(device)];
      const said = wrong.map((field) =>
        field === 'kind'
          ? `is a ${device.kind} device`
          : field === 'local'
            ? `sends from and takes in for ${is ?? 'any address'}, the node is ${right}`
            : `sends everything to ${String(device.info?.['remote'])}`,
      );
      yield {
        subject: device.ifname,
        message: `${device.ifname} on ${name} ${said.join(' and ')}`,
        effect: bothWays(view, want),
        ...idleTunnel(view, device.ifname, want.family),
        evidence: [rows(name, table.show, [device])],
        // The kernel changes the ends of a live device, but not back to none, and not its kind.
        steps:
          wrong.join() === 'local'
            ? [step(name, ['ip', 'link', 'set', device.ifname, 'type', 'ipip', 'local', right ?? 'any'])]
            : rebuildDevice(view, want, device.ifname),
        dependsOn: [token.lease(name)],
        breaks: [token.device(name, device.ifname)],
      };
    }
  },
};
