import {lookup} from '../forwarding/lookup.js';
import {route as table} from '../kernel/route.js';
import type {Cluster, Member} from '../model/cluster.js';
import {familyOf} from '../net/address.js';
import {looked} from '../node/state.js';
import {defaultRouteSteps} from './default-gateway.js';
import {absent, type NodeRule, rows} from './rule.js';
import {token} from './token.js';

export const ifaceNoDefaultRoute: NodeRule = {
  id: 'iface-no-default-route',
  scope: 'node',
  stage: 'route',
  severity: 'error',
  holds: 'A node has an IPv4 default route, as the others have.',
  cause: 'An air-gapped or multi-homed machine, or a network restart that lost the route.',
  effect: 'Pods of the node do not reach the world outside, and flanneld finds no interface at its next start unless --iface names one.',
  remedy: 'Add the default route again, or name the interface with --iface where there is none on purpose.',
  fix: 'ask',
  needs: ['route'],
  *check({name, cluster, state, member}) {
    const {survey, uplink} = member;
    if (survey.defaultDev[4] !== undefined || !isOnNetwork(member) || !looked(state, 'route', 4)) return;
    const {without, meant} = countOf(cluster);
    // Where most have none it is meant to be so, and told once.
    if (meant && without[0]?.name !== name) return;
    // A VPN's two halves, or a rule that leads to another table, do as well; 203.0.113.1 stands for the world (RFC 5737).
    const way = lookup(state, {dst: '203.0.113.1'});
    const other = way.kind === 'route' ? way.route : undefined;
    yield {
      ...(meant ? {severity: 'info' as const} : other && {severity: 'warning' as const}),
      subject: 'default route',
      message: meant
        ? `${without.length === 1 ? name : `${without.length} nodes`} have no IPv4 default route`
        : `${name} has no IPv4 default route, the other nodes have one`,
      effect: meant || other ? 'flanneld needs --iface or a public address from elsewhere to start' : effectOn(name, cluster),
      evidence: [
        absent(name, state.commands['ip-route-all'] ?? 'ip -4 route show table all', 'default in table main'),
        ...(other ? [rows(name, table.show, [other])] : []),
      ],
      steps: meant || other ? [] : defaultRouteSteps(cluster.members, {name, addresses: survey.addresses, has: false}, 4),
      dependsOn: [token.lease(name), ...(uplink ? [token.device(name, uplink.name)] : [])],
      peers: meant ? without.slice(1).map((m) => m.name) : [],
    };
  },
};

/** Its own IPv4 address is known: as flannel published it, or where no flannel runs as it has it. */
const isOnNetwork = ({lease, addresses}: Member): boolean =>
  lease?.publicIP !== undefined || addresses?.some((a) => familyOf(a) === 4) === true;

/**
 * In a cloud everything is behind its gateway: where its rows lead to pods other nodes' pods too (with alloc only if a cloud has the rows),
 * elsewhere the cloud's own services and the world.
 */
const needsGateway = ({mode, cloud}: Cluster): boolean =>
  mode?.fabric !== undefined && (mode.elsewhere !== true || cloud?.routes !== undefined);

/** Pods with addresses of an interface beside the node's own leave by that, and have a default route there. */
function effectOn(name: string, cluster: Cluster): string {
  if (cluster.mode?.fabric === 'addresses')
    return `${name} itself and those of its pods that leave by its own interface reach nobody outside its subnet`;
  return `pods of ${name} do not reach ${needsGateway(cluster) ? "other nodes' pods, nor " : ''}addresses outside the cluster`;
}

interface Count {
  readonly without: readonly Member[];
  readonly meant: boolean;
}

const counts = new WeakMap<Cluster, Count>();

/** Which nodes have none; counted once for a cluster. */
function countOf(cluster: Cluster): Count {
  const known = counts.get(cluster);
  if (known) return known;
  const read = cluster.members.filter((m) => isOnNetwork(m) && m.survey.state.families.route?.has(4));
  const without = read.filter((m) => m.survey.defaultDev[4] === undefined);
  const count = {without, meant: without.length * 2 >= read.length && !needsGateway(cluster)};
  counts.set(cluster, count);
  return count;
}
