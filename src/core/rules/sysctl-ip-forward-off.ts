import {sysctlSet} from '../kernel/commands.js';
import {isTunnel} from './pair.js';
import {step} from './remedy.js';
import type {NodeRule} from './rule.js';
import {sysctlEvidence} from './sysctl.js';
import {token} from './token.js';

export const sysctlIpForwardOff: NodeRule = {
  id: 'sysctl-ip-forward-off',
  scope: 'node',
  stage: 'sysctl',
  severity: 'error',
  holds: 'The node forwards IPv4 packets, on every device that pod packets come in by.',
  cause: "A hardening profile or a cloud image's sysctl file, or a daemon that set it back.",
  effect: 'Pods reach their own node only, and nobody reaches them from outside it.',
  remedy: 'Set it, and keep it set with a file in /etc/sysctl.d that sorts after the one that turns it off.',
  fix: 'safe',
  needs: ['sysctl'],
  *check(view) {
    const {name, state, bridge, member} = view;
    const sysctl = state.sysctl!;
    const all = 'net/ipv4/ip_forward';
    if (sysctl.get(all) === '0') {
      yield {
        subject: 'ip_forward',
        message: `${name} does not forward IPv4 packets`,
        effect: `pods of ${name} reach nothing beyond the node, and nothing beyond the node reaches them`,
        evidence: [sysctlEvidence(view, all)],
        steps: [step(name, sysctlSet(all, '1'))],
        breaks: [token.forwarding(name)],
      };
      return;
    }
    // The device a packet comes in by decides. `all` was set to 1 before, or it would have been seen above.
    const devices = new Set([
      bridge,
      member.uplink?.name,
      ...(state.tables.link ?? []).filter((l) => isTunnel(l.ifname) && l.flags.includes('UP')).map((l) => l.ifname),
    ]);
    for (const dev of devices) {
      if (dev === undefined) continue;
      const key = `net/ipv4/conf/${dev}/forwarding`;
      if (sysctl.get(key) !== '0') continue;
      yield {
        subject: dev,
        message: `${name} does not forward IPv4 packets that come in by ${dev}`,
        effect:
          dev === bridge
            ? `pods of ${name} reach nothing beyond the node`
            : `packets for the pods of ${name} that come in by ${dev} are dropped`,
        evidence: [sysctlEvidence(view, key)],
        steps: [step(name, sysctlSet(key, '1'))],
        dependsOn: [token.device(name, dev)],
        breaks: [token.forwarding(name)],
      };
    }
  },
};
