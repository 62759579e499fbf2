import {type FamilyLease, leaseOf} from '../flannel/lease.js';
import {addressReplace, routeReplace} from '../kernel/commands.js';
import {localOf, link as table} from '../kernel/link.js';
import type {Cluster, Member} from '../model/cluster.js';
import {directRoute} from '../modes/direct-route.js';
import type {Family, Ip} from '../net/address.js';
import {baseOf, contains, network} from '../net/prefix.js';
import {defaultRouteSteps} from './default-gateway.js';
import {published} from './published.js';
import {step} from './remedy.js';
import {type ClusterRule, type Observation, rows, type Step} from './rule.js';
import {token} from './token.js';
import {addressLines} from './witness.js';

export const leasePublicIpStale: ClusterRule = {
  id: 'lease-public-ip-stale',
  scope: 'cluster',
  stage: 'lease',
  severity: 'error',
  holds: 'The address that a node published is one it still has.',
  cause: 'DHCP, a new IPv6 prefix or a moved NIC changed the address; flannel chooses it once, at its start.',
  effect: 'Peers send to an address nobody answers for, and the node sends from one it no longer has.',
  remedy: 'Restart flannel on the node, which publishes the new address; or follow it by hand on the device and on every peer.',
  restarts: 'node',
  fix: 'ask',
  flannels: true,
  replay: true,
  *check(cluster) {
    for (const member of cluster.members) {
      if (member.survey.state.families.address === undefined) continue;
      for (const family of [4, 6] as const) {
        const found = ofDevice(cluster, member, family) ?? ofRecord(cluster, member, family) ?? ofPeers(cluster, member, family);
        if (found) yield {...found, node: member.name};
      }
    }
  },
};

const broken = (name: string) => [token.lease(name), token.mac(name)];

/** The tunnel sends from an address the node does not have: every transmission fails. */
function ofDevice({mode, settings, members}: Cluster, {name, survey, lease}: Member, family: Family): Observation | undefined {
  const dev = mode && settings && mode.devices(settings).find((d) => d.family === family)?.name;
  const device = survey.links.find((l) => l.ifname === dev && l.kind === 'vxlan');
  const local = device && localOf(device);
  if (local === undefined || local.startsWith('fe80:') || survey.addresses.some((a) => a.address === local)) return undefined;
  const chosen = lease && leaseOf(lease, family)?.publicIP;
  const now = chosen === local ? undefined : chosen;
  const lower = device!.info?.['link'];
  const steps: Step[] = [];
  if (now !== undefined) steps.push(step(name, ['ip', 'link', 'set', device!.ifname, 'type', 'vxlan', 'local', now]));
  else if (typeof lower === 'string') {
    // No other address to follow: the node needs its own back, with the length its neighbours have.
    const length = members
      .flatMap((m) => m.survey.addresses)
      .find((a) => a.family === family && contains(`${network(a.address, a.prefixlen)}/${a.prefixlen}`, local))?.prefixlen;
    if (length !== undefined) {
      steps.push(step(name, addressReplace({family, dev: lower, local, prefixlen: length})));
      // The default route went with the last address of its device.
      steps.push(
        ...defaultRouteSteps(
          members,
          {
            name,
            addresses: [...survey.addresses, {family, dev: lower, address: local, prefixlen: length}],
            has: survey.defaultDev[family] !== undefined,
          },
          family,
        ),
      );
    }
  }
  return {
    subject: local,
    message: `${device!.ifname} on ${name} sends from ${local}, which ${name} no longer has${now === undefined ? '' : ` (it has ${now})`}`,
    effect: `pods of ${name} cannot reach pods of other nodes, in both directions`,
    evidence: [rows(name, table.show, [device!]), addressLines(survey, (a) => a.dev === lower && a.family === family)],
    steps,
    breaks: broken(name),
  };
}

/** What flannel's records say is not the node's, and is not meant to be elsewhere (the model takes the node's own then). */
function ofRecord({claims}: Cluster, member: Member, family: Family): Observation | undefined {
  const {name, survey, record, lease} = member;
  const own = lease && leaseOf(lease, family);
  const stated = family === 4 ? record?.lease.publicIP : record?.lease.publicIPv6;
  if (!own || stated === undefined || stated === own.publicIP) return undefined;
  const believers = new Set([
    ...(claims.route.get(own.subnet)?.get(stated) ?? []),
    ...(own.vtepMAC === undefined ? [] : (claims.fdb.get(own.vtepMAC)?.get(stated) ?? [])),
  ]);
  believers.delete(name);
  const nodes = [...believers];
  return {
    ...(nodes.length === 0 && {severity: 'warning' as const}),
    subject: stated,
    message: `${name} is published at ${stated}, which it does not have (it has ${own.publicIP})`,
    effect:
      nodes.length === 0
        ? `none yet, no node sends to ${stated}; whichever starts flannel next cannot reach pods of ${name}`
        : `pods of ${nodes.join(', ')} cannot reach pods of ${name}`,
    evidence: [
      ...published(member, family === 4 ? 'public-ip' : 'public-ipv6'),
      addressLines(survey, (a) => a.family === family && (a.address === own.publicIP || a.address === stated)),
    ],
    peers: nodes,
    breaks: broken(name),
  };
}

/** Routed modes: all peers agree on a gateway that is in the node's own network and nobody's address. */
function ofPeers({claims, members, mode}: Cluster, {name, survey, lease}: Member, family: Family): Observation | undefined {
  const own = lease && leaseOf(lease, family);
  const said = own && mode?.gateways === 'link' ? claims.route.get(own.subnet) : undefined;
  // The usual case, without counting thousands of peers.
  if (!own || !said || (said.size === 1 && said.has(own.publicIP))) return undefined;
  const votes = [...said]
    .map(([gateway, nodes]) => [gateway, nodes.filter((n) => n !== name)] as const)
    .filter(([, nodes]) => nodes.length > 0);
  const [only] = votes;
  if (votes.length !== 1 || only === undefined) return undefined;
  const [gateway, nodes] = only;
  const peers = members.filter((m) => m.name !== name && m.lease).length;
  if (gateway === own.publicIP || gateway === baseOf(own.subnet) || nodes.length < Math.min(2, peers)) return undefined;
  const near = survey.addresses.some((a) => a.family === family && contains(`${network(a.address, a.prefixlen)}/${a.prefixlen}`, gateway));
  const somebody = members.some((m) => m.survey.addresses.some((a) => a.address === gateway));
  if (!near || somebody) return undefined;
  return {
    subject: gateway,
    message: `${nodes.length === 1 ? nodes[0] : `all ${nodes.length} peers`} reach ${name} through ${gateway}, which ${name} no longer has (it has ${own.publicIP})`,
    effect: `pods of other nodes cannot reach pods of ${name}`,
    evidence: [
      addressLines(survey, (a) => a.address === own.publicIP),
      ...nodes.slice(0, 3).map((node) => ({node, command: 'ip route show', lines: [gatewayLine(own, gateway)]})),
    ],
    peers: nodes,
    steps: members
      .filter((m) => nodes.includes(m.name) && m.uplink)
      .map((m) => step(m.name, routeReplace(directRoute(own, m.uplink!.name).row))),
    breaks: broken(name),
  };
}

const gatewayLine = ({subnet}: FamilyLease, gateway: Ip): string => `${subnet} via ${gateway}`;
