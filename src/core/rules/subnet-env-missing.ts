import {chosen, isFlannel} from '../flannel/cni-order.js';
import type {NodeView} from '../model/view.js';
import {hostOf, lengthOf} from '../net/prefix.js';
import {absent, type NodeRule, type Step} from './rule.js';
import {token} from './token.js';

export const subnetEnvMissing: NodeRule = {
  id: 'subnet-env-missing',
  scope: 'node',
  stage: 'device',
  // Pods that run do not read the file again.
  severity: 'warning',
  holds: 'Where pods are made by the flannel plugin, subnet.env is there for it to read.',
  cause: 'flanneld has not come up since the last boot, or was removed while its CNI file stayed.',
  effect: 'No new pod starts on the node; pods that run keep working.',
  remedy: 'Get flanneld to run: it writes the file at its start. Never copy the file from another node.',
  fix: 'ask',
  flannels: true,
  needs: ['cni', 'subnetEnv'],
  *check(view) {
    const {name, state} = view;
    if (state.subnetEnv !== 'none' || state.cni === undefined || state.cni === 'none') return;
    const file = chosen(state.cni);
    if (!file || !isFlannel(file)) return;
    yield {
      subject: 'subnet.env',
      message: `${name} has no /run/flannel/subnet.env, which ${file.name} needs`,
      evidence: [
        absent(name, 'cat /run/flannel/subnet.env', 'the file'),
        {node: name, command: file.command, lines: ['"type": "flannel"']},
      ],
      steps: rewrite(view),
      dependsOn: [token.lease(name)],
      breaks: [token.subnetEnv(name)],
    };
  },
};

/** The file as flanneld writes it, when everything it says is known from the node's own tables. */
function rewrite({name, self, member, cluster: {networks, mode, settings}}: NodeView): readonly Step[] {
  if (!self || !mode || !settings || !member.uplink) return [];
  const pair = (family: 4 | 6, prefix: string) => {
    const subnet = family === 4 ? self.subnet : self.ipv6Subnet;
    const network = networks.find((n) => n.includes(':') === (family === 6));
    return subnet === undefined || network === undefined
      ? []
      : [`${prefix}NETWORK=${network}`, `${prefix}SUBNET=${hostOf(subnet, 1)}/${lengthOf(subnet)}`];
  };
  const lines = [
    ...pair(4, 'FLANNEL_'),
    ...pair(6, 'FLANNEL_IPV6_'),
    `FLANNEL_MTU=${mode.podMtu(settings, member.uplink.mtu)}`,
    'FLANNEL_IPMASQ=true',
  ];
  return [
    {node: name, run: 'mkdir -p /run/flannel'},
    {node: name, run: `printf '%s\\n' ${lines.join(' ')} > /run/flannel/subnet.env`},
  ];
}
