import {isFlannel} from '../flannel/cni-order.js';
import {link as table} from '../kernel/link.js';
import {bridgePorts} from '../model/pod-port.js';
import {bridgeOf} from './bridge-state.js';
import {step} from './remedy.js';
import {type NodeRule, rows} from './rule.js';
import {token} from './token.js';

export const hairpinOff: NodeRule = {
  id: 'hairpin-off',
  scope: 'node',
  stage: 'pod',
  severity: 'warning',
  holds: "The bridge sends a pod's packet back to the pod itself when the CNI configuration says so.",
  cause: 'The pod was made with an older configuration, or its port was changed by hand.',
  effect: 'The pod does not reach itself through its own Service; everything else works.',
  remedy: 'Set hairpin on the port; for good, hairpinMode in the CNI configuration and new pods.',
  fix: 'safe',
  needs: ['link'],
  *check(view) {
    const {name, state, bridge} = view;
    const off = bridgePorts(view).filter((l) => l.port?.['hairpin'] === false);
    // A promiscuous bridge does the same another way.
    if (off.length === 0 || bridgeOf(view)?.flags.includes('PROMISC')) return;
    const file = state.cni === undefined || state.cni === 'none' ? undefined : state.cni.find(isFlannel);
    const options = file?.conf?.plugins.find((p) => p.type === 'flannel')?.options;
    if (options?.['promiscMode'] === true) return;
    const asked = file === undefined ? bridgePorts(view).some((l) => l.port?.['hairpin'] === true) : options?.['hairpinMode'] === true;
    yield {
      ...(!asked && {severity: 'info' as const}),
      subject: off.map((l) => l.ifname).join(', '),
      message: `${off.length === 1 ? off[0]!.ifname : `${off.length} ports of ${bridge}`} on ${name} ${off.length === 1 ? 'has' : 'have'} hairpin off${asked ? '' : ', as the CNI configuration says'}`,
      evidence: [
        rows(name, table.show, off),
        ...(file
          ? [{node: name, command: file.command, lines: [`hairpinMode: ${JSON.stringify(options?.['hairpinMode'] ?? false)}`]}]
          : []),
      ],
      steps: asked ? off.map((l) => step(name, ['bridge', 'link', 'set', 'dev', l.ifname, 'hairpin', 'on'])) : [],
      dependsOn: [token.bridge(name), token.cni(name)],
    };
  },
};
