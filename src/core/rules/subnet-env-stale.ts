import type {SubnetEnv} from '../flannel/subnet-env.js';
import {link as links} from '../kernel/link.js';
import type {NodeView} from '../model/view.js';
import {published} from './published.js';
import {restoreSubnetEnv, step} from './remedy.js';
import {type NodeRule, type Observation, rows} from './rule.js';
import {token} from './token.js';
import {envLines} from './witness.js';

export const subnetEnvStale: NodeRule = {
  id: 'subnet-env-stale',
  scope: 'node',
  stage: 'pod',
  // Pods that run do not read the file again.
  severity: 'warning',
  holds: "subnet.env says what the node's own tables and its peers say.",
  cause: 'The pod subnet, network or MTU changed and flanneld has not run since, or the file was written by hand.',
  effect: 'New pods get addresses or an MTU that the network does not carry; pods that run keep working.',
  remedy: 'Restart flanneld on the node, then make pods anew whose address or MTU came from the old file.',
  restarts: 'node',
  fix: 'ask',
  flannels: true,
  needs: ['subnetEnv', 'address'],
  *check(view) {
    const {state, name} = view;
    const env = state.subnetEnv;
    if (env === undefined || env === 'none') return;
    for (const found of [subnet(view, env), network(view, env), mtu(view, env)]) {
      if (found)
        yield {
          ...found,
          dependsOn: [token.lease(name), token.subnetEnv(name), token.mtu(name), ...tunnels(view).map((dev) => token.device(name, dev))],
        };
    }
  },
};

function subnet({name, self, member, state}: NodeView, env: SubnetEnv): Observation | undefined {
  const wrong = (
    [
      [env.subnet, self?.subnet],
      [env.ipv6Subnet, self?.ipv6Subnet],
    ] as const
  ).filter(([stated, own]) => stated !== undefined && own !== undefined && stated !== own);
  if (wrong.length === 0) return undefined;
  return {
    subject: wrong.map(([stated]) => stated).join(', '),
    message: `subnet.env on ${name} says ${wrong.map(([stated]) => stated).join(', ')}, but ${member.record ? 'flannel holds' : 'the node and its peers use'} ${wrong.map(([, own]) => own).join(', ')}`,
    effect: `new pods of ${name} fail, or get addresses of ${wrong.map(([stated]) => stated).join(', ')} that nobody routes to it`,
    evidence: [envLines(name, state.subnetEnv, 'FLANNEL_SUBNET', 'FLANNEL_IPV6_SUBNET'), ...published(member, 'spec.podCIDRs')],
    steps: restoreSubnetEnv(member),
  };
}

function network({name, cluster, state}: NodeView, env: SubnetEnv): Observation | undefined {
  const steps = (
    [
      ['FLANNEL_NETWORK', env.networks, 4],
      ['FLANNEL_IPV6_NETWORK', env.ipv6Networks, 6],
    ] as const
  ).flatMap(([key, stated, family]) => {
    const right = cluster.networks.filter((n) => n.includes(':') === (family === 6));
    // k3s writes 0.0.0.0/0 and ::/0 for a family that is off.
    if (stated.length === 0 || right.length === 0 || stated.join() === right.join() || right.some((n) => n.endsWith('/0'))) return [];
    return [
      {
        right: right.join(),
        stated: stated.join(),
        step: step(name, ['sed', '-i', `s|^${key}=.*|${key}=${right.join()}|`, fileOf(state.subnetEnv)]),
      },
    ];
  });
  if (steps.length === 0) return undefined;
  return {
    subject: steps.map((s) => s.stated).join(', '),
    message: `subnet.env on ${name} names the network ${steps.map((s) => s.stated).join(', ')}, the cluster's is ${steps.map((s) => s.right).join(', ')}`,
    effect: `new pods of ${name} route and masquerade by the wrong network`,
    evidence: [envLines(name, state.subnetEnv, 'FLANNEL_NETWORK', 'FLANNEL_IPV6_NETWORK')],
    steps: steps.map((s) => s.step),
  };
}

/** What the device carries decides; Backend.MTU, which only flannel knows, is in both. */
function mtu({name, cluster: {mode, settings}, state, member}: NodeView, env: SubnetEnv): Observation | undefined {
  if (env.mtu === undefined || !mode || !settings) return undefined;
  // Of devices that others' commands make flannel knows nothing: it writes what the uplink has.
  const devices = mode.elsewhere ? [] : mode.devices(settings);
  const device = (state.tables.link ?? []).find((l) => devices.some((d) => d.family === 4 && d.name === l.ifname));
  const uplink = (state.tables.link ?? []).find((l) => l.ifname === member.uplink?.name);
  const right = devices.length > 0 ? (device?.mtu ?? (uplink && mode.podMtu(settings, uplink.mtu))) : uplink?.mtu;
  // Only when the file also parts from flannel's own sum: a device somebody changed is a matter of the mtu rules.
  if (right === undefined || env.mtu === right || (uplink && env.mtu === mode.podMtu(settings, uplink.mtu))) return undefined;
  // flanneld before v0.21.3 and jumbo frames: the sum may lie below what the device took.
  if (devices.length === 0 && uplink !== undefined && env.mtu > uplink.mtu) return undefined;
  return {
    subject: `MTU ${env.mtu}`,
    message: `subnet.env on ${name} gives new pods an MTU of ${env.mtu}, ${device ? device.ifname : 'the network'} carries ${right}`,
    effect:
      env.mtu > right
        ? `large packets of new pods of ${name} are dropped where path MTU discovery is blocked`
        : `new pods of ${name} send smaller packets than they could`,
    evidence: [envLines(name, state.subnetEnv, 'FLANNEL_MTU'), rows(name, links.show, [(device ?? uplink)!])],
    steps: [step(name, ['sed', '-i', `s|^FLANNEL_MTU=.*|FLANNEL_MTU=${right}|`, fileOf(state.subnetEnv)])],
  };
}

const fileOf = (env: NodeView['state']['subnetEnv']): string =>
  (env === undefined || env === 'none' ? undefined : env.command.split(' ').at(-1)) ?? '/run/flannel/subnet.env';

const tunnels = ({cluster: {mode, settings}}: NodeView): readonly string[] =>
  mode && settings ? mode.devices(settings).map((d) => d.name) : [];
