import {link as table} from '../kernel/link.js';
import {absent, type NodeRule, rows} from './rule.js';
import {token} from './token.js';

export const extensionDevMissing: NodeRule = {
  id: 'extension-dev-missing',
  scope: 'node',
  stage: 'device',
  severity: 'error',
  holds: 'The devices that the commands of the extension backend make are there, and up.',
  cause: 'A command failed when flannel started (its log has what it said), or somebody deleted the device or took it down.',
  effect: 'Nothing leaves or enters the node through it; its routes went with it.',
  remedy: 'Restart flannel on the node, which runs PreStartupCommand, PostStartupCommand and, for each peer, SubnetAddCommand again.',
  fix: 'no',
  restarts: 'node',
  modes: ['extension'],
  needs: ['link'],
  *check({name, state, self, cluster: {mode, settings}}) {
    if (!mode || !settings) return;
    for (const {name: dev} of mode.devices(settings)) {
      const device = state.tables.link?.find((l) => l.ifname === dev);
      if (device?.flags.includes('UP')) continue;
      yield {
        subject: dev,
        message: device ? `${dev} on ${name} is down` : `${name} has no ${dev}, which the commands in net-conf.json use`,
        effect: `pods of ${name} (${self?.subnet ?? 'subnet unknown'}) cannot reach pods of other nodes, in both directions`,
        evidence: [device ? rows(name, table.show, [device]) : absent(name, state.commands['ip-link'] ?? 'ip -d link show', dev)],
        dependsOn: [token.lease(name)],
        breaks: [token.device(name, dev)],
      };
    }
  },
};
