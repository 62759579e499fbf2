import type {Member} from '../model/cluster.js';
import {defaultRouteSteps} from './default-gateway.js';
import type {ClusterRule, Observation} from './rule.js';
import {token} from './token.js';
import {addressLines, envLines} from './witness.js';

export const ipv6PrerequisiteMissing: ClusterRule = {
  id: 'ipv6-prerequisite-missing',
  scope: 'cluster',
  stage: 'lease',
  severity: 'error',
  holds: "In a cluster with IPv6 every node has an IPv6 subnet, a public address, and its default route on the interface of IPv4's.",
  cause: 'No IPv6 default route, another interface for it, no IPv6 block in podCIDRs, or no global address on the interface.',
  effect: 'flanneld does not start on the node, or leaves IPv6 out: IPv6 between its pods and others is lost while IPv4 works.',
  remedy: 'Give the node what is missing (address, default route on the same NIC, IPv6 podCIDR), then restart flannel there.',
  restarts: 'node',
  fix: 'ask',
  flannels: true,
  *check({members, networks}) {
    if (!networks.some((n) => n.includes(':') && !n.endsWith('/0'))) return;
    const dual = members.filter((m) => m.lease !== undefined);
    const having = dual.filter((m) => m.lease?.ipv6Subnet !== undefined);
    if (having.length * 2 <= dual.length) return;
    const routed = dual.filter((m) => m.survey.defaultDev[6] !== undefined).length * 2 > dual.length;
    for (const member of dual) {
      const found = missing(member) ?? route(member, members, routed);
      if (found) yield {...found, node: member.name};
    }
  },
};

function missing({name, lease, survey}: Member): Observation | undefined {
  if (lease?.ipv6Subnet === undefined) {
    if (survey.state.subnetEnv === undefined) return undefined;
    return {
      subject: 'IPv6 subnet',
      message: `${name} has no IPv6 pod subnet, the other nodes have one`,
      effect: `pods of ${name} have no IPv6`,
      evidence: [envLines(name, survey.state.subnetEnv, 'FLANNEL_SUBNET', 'FLANNEL_IPV6_SUBNET')],
      breaks: [token.lease(name)],
    };
  }
  // A tunnel that still sends from a lost address is lease-public-ip-stale's matter.
  const tunnel = survey.links.some((l) => l.kind === 'vxlan' && l.info?.['local6'] !== undefined);
  if (lease.publicIPv6 !== undefined || tunnel || survey.state.families.address === undefined) return undefined;
  return {
    subject: 'IPv6 address',
    message: `${name} has no global IPv6 address on the interface flannel uses`,
    effect: `pods of ${name} cannot reach pods of other nodes over IPv6`,
    evidence: [addressLines(survey, (a) => a.dev === survey.defaultDev[4] || a.family === 6)],
    breaks: [token.lease(name)],
  };
}

function route(member: Member, members: readonly Member[], routed: boolean): Observation | undefined {
  const {name, survey} = member;
  if (!survey.state.families.route?.has(6) || !routed) return undefined;
  const [v4, v6] = [survey.defaultDev[4], survey.defaultDev[6]];
  if (v6 === undefined) {
    return {
      subject: 'IPv6 default route',
      message: `${name} has no IPv6 default route, the other nodes have one`,
      effect: `pods of ${name} do not reach IPv6 addresses outside the cluster, and flanneld will not start again without --iface`,
      evidence: [{node: name, command: 'ip -6 route show table all', lines: ['(no row: default in table main)']}],
      steps: defaultRouteSteps(members, {name, addresses: survey.addresses, has: false}, 6),
    };
  }
  if (v4 === undefined || v4 === v6) return undefined;
  return {
    severity: 'warning',
    subject: 'IPv6 default route',
    message: `${name} has its IPv4 default route on ${v4} and its IPv6 default route on ${v6}`,
    effect: 'flanneld will not start again on the node unless --iface names the interface',
    evidence: [{node: name, command: 'ip route show table all', lines: [`default dev ${v4}`, `default dev ${v6} (IPv6)`]}],
  };
}
