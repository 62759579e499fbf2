import {linkUp} from '../kernel/commands.js';
import {link as table} from '../kernel/link.js';
import {globalRouter} from '../model/bridged-node.js';
import {bridgePorts} from '../model/pod-port.js';
import {type BridgeFamily, bridgeFamilies, bridgeOf, connectedStep, gatewayStep} from './bridge-state.js';
import {step} from './remedy.js';
import {absent, type NodeRule, rows} from './rule.js';
import {token} from './token.js';

export const cni0NoAddress: NodeRule = {
  id: 'cni0-no-address',
  scope: 'node',
  stage: 'device',
  severity: 'error',
  holds: "The pods' bridge is up, has an address, and the pod subnet is routed to it.",
  cause: 'A network manager flushed the bridge or took it down, or the bridge plugin lost a race at boot.',
  effect: 'Pods of the node get no answer from their gateway, and what arrives for them is not delivered.',
  remedy: 'Put the first address of the pod subnet on the bridge (and the bridge up); keep network managers off it.',
  fix: 'safe',
  needs: ['link', 'address', 'route'],
  // Global Router's bridge has rules of its own.
  concerns: (view) => !globalRouter(view),
  *check(view) {
    const {name, bridge, state} = view;
    const device = bridgeOf(view);
    if (!device) return;
    const down = !device.flags.includes('UP');
    // Without pods a bridge in any state hurts nobody.
    const idle = bridgePorts(view).length === 0;
    const bare: BridgeFamily[] = bridgeFamilies(view).filter((f) => f.addresses.length === 0);
    const unrouted = bridgeFamilies(view).filter((f) => f.right && f.routed === false && !bare.includes(f));
    if (idle || (!down && bare.length === 0 && unrouted.length === 0)) return;
    const what = [
      ...(down ? ['is down'] : []),
      ...bare.map((f) => `has no IPv${f.family} address`),
      ...(down ? [] : unrouted.map((f) => `is not routed ${f.subnet}`)),
    ];
    yield {
      subject: bridge,
      message: `${bridge} on ${name} ${what.join(', ')}`,
      effect: `pods of ${name} cannot reach their gateway nor be reached`,
      evidence: [
        rows(name, table.show, [device]),
        ...bare.map((f) => absent(name, state.commands['ip-addr'] ?? 'ip addr show', `${f.gateway} dev ${bridge}`)),
        ...unrouted.map((f) =>
          absent(name, state.commands[f.family === 4 ? 'ip-route-all' : 'ip-6-route-all'] ?? 'ip route show', `${f.subnet} dev ${bridge}`),
        ),
      ],
      steps: [
        ...(down ? [step(name, linkUp(bridge))] : []),
        ...bare.map((f) => gatewayStep(name, bridge, f)),
        ...unrouted.map((f) => connectedStep(name, bridge, f)),
      ],
      dependsOn: [token.lease(name)],
      breaks: [token.bridge(name)],
    };
  },
};
