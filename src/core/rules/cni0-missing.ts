import {chosen, isFlannel} from '../flannel/cni-order.js';
import {linkUp} from '../kernel/commands.js';
import {globalRouter} from '../model/bridged-node.js';
import {podPorts} from '../model/pod-port.js';
import type {NodeView} from '../model/view.js';
import {contains} from '../net/prefix.js';
import {bridgeFamilies, gatewayStep} from './bridge-state.js';
import {step} from './remedy.js';
import {absent, type NodeRule, type Step} from './rule.js';
import {token} from './token.js';

export const cni0Missing: NodeRule = {
  id: 'cni0-missing',
  scope: 'node',
  stage: 'device',
  severity: 'error',
  holds: 'Where pods run, the bridge they hang on is there.',
  cause: 'Somebody deleted the bridge under running pods. Before the first pod of a node it is normal that there is none.',
  effect: "The node's pods are cut off from everything.",
  remedy: 'Make the pods anew (the plugin makes the bridge with the next one), or make the bridge and put their ports back.',
  fix: 'ask',
  needs: ['link', 'cni', 'pods'],
  // Global Router's bridge has rules of its own.
  concerns: (view) => !globalRouter(view),
  *check(view) {
    const {name, state, bridge, self} = view;
    const file = state.cni === undefined || state.cni === 'none' ? undefined : chosen(state.cni);
    const delegate = file?.conf?.plugins.find((p) => p.type === 'flannel')?.options['type'];
    if (!file || !isFlannel(file) || (delegate !== undefined && delegate !== 'bridge')) return;
    if ((state.tables.link ?? []).some((l) => l.ifname === bridge)) return;
    const subnets = [self?.subnet, self?.ipv6Subnet].filter((s) => s !== undefined);
    const cut = podPorts(view).filter(
      (p) => p.host?.master === undefined && p.addresses.some((a) => subnets.some((s) => contains(s, a.local))),
    );
    const evidence = [absent(name, state.commands['ip-link'] ?? 'ip link show', bridge)];
    if (cut.length === 0) {
      yield {severity: 'info', subject: bridge, message: `${name} has no ${bridge} yet`, effect: 'none: the first pod makes it', evidence};
      return;
    }
    yield {
      subject: bridge,
      message: `${name} has no ${bridge}, but ${cut.length} pods that need it`,
      effect: `pods of ${name} reach nobody: ${cut.map((p) => p.pod.name).join(', ')}`,
      evidence,
      steps: remake(
        view,
        cut.flatMap((p) => (p.host ? [p.host.ifname] : [])),
      ),
      dependsOn: [token.lease(name)],
      breaks: [token.bridge(name)],
    };
  },
};

function remake(view: NodeView, ports: readonly string[]): readonly Step[] {
  const {name, bridge} = view;
  const families = bridgeFamilies(view);
  // The pods still know the old bridge by its hardware address; with the same one nothing has to be asked again.
  const known = new Set(
    podPorts(view).flatMap((p) =>
      (p.pod.tables.neigh ?? []).flatMap((n) => (n.lladdr !== undefined && families.some((f) => f.gateway === n.dst) ? [n.lladdr] : [])),
    ),
  );
  const [mac] = known.size === 1 ? known : [];
  return [
    step(name, ['ip', 'link', 'add', bridge, ...(mac === undefined ? [] : ['address', mac]), 'type', 'bridge']),
    ...families.map((f) => gatewayStep(name, bridge, f)),
    step(name, linkUp(bridge)),
    ...ports.flatMap((port) => enslave(view, port)),
  ];
}

/** Puts a port (back) on the bridge as the plugin does. */
export function enslave({name, bridge, state}: NodeView, port: string): readonly Step[] {
  const file = state.cni === undefined || state.cni === 'none' ? undefined : state.cni.find(isFlannel);
  const hairpin = file?.conf?.plugins.find((p) => p.type === 'flannel')?.options['hairpinMode'] === true;
  return [
    step(name, ['ip', 'link', 'set', port, 'master', bridge]),
    step(name, linkUp(port)),
    ...(hairpin ? [step(name, ['bridge', 'link', 'set', 'dev', port, 'hairpin', 'on'])] : []),
  ];
}
