import {publishedMac} from '../model/published-mac.js';
import {looked} from '../node/state.js';
import {idleTunnel} from './idle-tunnel.js';
import {rebuildDevice} from './rebuild.js';
import {absent, type NodeRule} from './rule.js';
import {token} from './token.js';

export const vxlanDevMissing: NodeRule = {
  id: 'vxlan-dev-missing',
  scope: 'node',
  stage: 'device',
  severity: 'error',
  holds: 'The VXLAN device that flannel makes is there.',
  cause:
    'Its underlying device went away for a moment (network restart, bond or VLAN made anew) and took it along; flanneld before v0.27.4 does not notice.',
  effect: 'Nothing leaves or enters the node through the tunnel; routes, neighbours and FDB went with the device.',
  remedy:
    "Restart flannel on the node, which also writes every peer's rows; or make the device with the address its peers know, and its rows.",
  restarts: 'node',
  fix: 'ask',
  modes: ['vxlan'],
  needs: ['link'],
  *check(view) {
    const {name, changes, state, cluster, self} = view;
    for (const change of changes.link ?? []) {
      if (change.kind !== 'missing') continue;
      const {row, family} = change.want;
      const held = publishedMac(cluster, name, family);
      yield {
        subject: row.ifname,
        message: `${name} has no ${row.ifname}`,
        effect: `pods of ${name} (${(family === 4 ? self?.subnet : self?.ipv6Subnet) ?? 'subnet unknown'}) cannot reach pods of other nodes, in both directions`,
        ...idleTunnel(view, row.ifname, family),
        evidence: [absent(name, state.commands['ip-link'] ?? 'ip -d link show', row.ifname)],
        steps: looked(state, 'route') ? rebuildDevice(view, change.want) : [],
        peers: held?.nodes ?? [],
        dependsOn: [token.lease(name), token.device(name, row.ifname)],
        breaks: [token.device(name, row.ifname), token.mac(name)],
      };
    }
  },
};
