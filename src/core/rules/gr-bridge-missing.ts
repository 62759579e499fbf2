import {addressReplace, linkUp} from '../kernel/commands.js';
import {link as links} from '../kernel/link.js';
import {lengthOf} from '../net/prefix.js';
import {globalRouterRule} from './global-router.js';
import {step} from './remedy.js';
import {absent, rows} from './rule.js';
import {token} from './token.js';

export const grBridgeMissing = globalRouterRule({
  id: 'gr-bridge-missing',
  stage: 'device',
  severity: 'error',
  holds: "Where pods of Global Router run, their bridge is there, is up, and has the first address of the node's part.",
  cause:
    'Somebody deleted the bridge or took its address; a network manager flushed it. Before the first pod of a node it is normal that there is none.',
  effect: "The node's pods reach nothing beyond their bridge, or not even each other.",
  remedy: 'Put the bridge, its address and the ports back, or restart tke-bridge-agent and make the pods anew.',
  fix: 'ask',
  needs: ['link', 'address', 'pods'],
  *check({name, state}, {bridge, link, subnet, gateway, addresses, pods}) {
    if (pods.length === 0) return;
    const ports = pods.flatMap((p) => (p.host ? [p.host] : []));
    const address = step(name, addressReplace({family: 4, dev: bridge, local: gateway, prefixlen: lengthOf(subnet)}));
    const common = {
      subject: bridge,
      effect: `pods of ${name} reach nobody: ${pods.map((p) => p.pod.name).join(', ')}`,
      breaks: [token.bridge(name), ...pods.map((p) => token.pod(name, p.pod.name))],
    };
    if (link === undefined) {
      // The pods still know the old bridge by its hardware address; with the same one nothing has to be asked again.
      const macs = new Set(
        pods.flatMap((p) => (p.pod.tables.neigh ?? []).flatMap((n) => (n.dst === gateway && n.lladdr !== undefined ? [n.lladdr] : []))),
      );
      const [mac] = macs.size === 1 ? macs : [];
      yield {
        ...common,
        message: `${name} has no ${bridge}, but ${pods.length} ${pods.length === 1 ? 'pod that needs' : 'pods that need'} it`,
        evidence: [absent(name, state.commands['ip-link'] ?? 'ip link show', bridge)],
        steps: [
          step(name, ['ip', 'link', 'add', bridge, ...(mac === undefined ? [] : ['address', mac]), 'type', 'bridge']),
          address,
          step(name, linkUp(bridge)),
          ...ports.map((p) => step(name, ['ip', 'link', 'set', p.ifname, 'master', bridge])),
        ],
      };
      return;
    }
    const down = !link.flags.includes('UP');
    if (!down && addresses.length > 0) return;
    yield {
      ...common,
      message: `${bridge} of ${name} ${[...(down ? ['is down'] : []), ...(addresses.length === 0 ? ['has no IPv4 address'] : [])].join(' and ')}`,
      evidence: [
        rows(name, links.show, [link]),
        ...(addresses.length === 0
          ? [absent(name, state.commands['ip-addr'] ?? 'ip addr show', `${gateway}/${lengthOf(subnet)} dev ${bridge}`)]
          : []),
      ],
      steps: [...(down ? [step(name, linkUp(bridge))] : []), ...(addresses.length === 0 ? [address] : [])],
    };
  },
});
