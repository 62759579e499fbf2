import type {Member} from '../model/cluster.js';
import {published} from './published.js';
import type {ClusterRule, Evidence} from './rule.js';
import {token} from './token.js';

export const wgKeyMismatch: ClusterRule = {
  id: 'wg-key-mismatch',
  scope: 'cluster',
  stage: 'lease',
  severity: 'error',
  holds: "The WireGuard key that a node published, and that its peers have for it, is its device's.",
  cause: 'The private key lies in /run/flannel/wgkey and is a new one after a reboot; whoever missed the change keeps the old.',
  effect: 'No handshake succeeds: the other side answers to another key.',
  remedy:
    'Restart flannel on the side that is behind, or write the peer with the new key there; WIREGUARD_KEY_FILE on a disk keeps the key over reboots.',
  fix: 'ask',
  restarts: 'node',
  replay: true,
  modes: ['wireguard', 'extension'],
  *check({members, claims}) {
    for (const member of members) {
      const {name, lease, survey, record} = member;
      const device = survey.links.find((l) => l.kind === 'wireguard' && l.info?.['publicKey'] === lease?.publicKey);
      const subnet = lease?.subnet ?? lease?.ipv6Subnet;
      if (lease?.publicKey === undefined || subnet === undefined || !device) continue;
      const own = lease.publicKey;
      const others = new Set(members.flatMap((m) => (m.lease?.publicKey === undefined || m === member ? [] : [m.lease.publicKey])));
      // A prefix that another node's peer has been given is wg-allowed-ips-wrong's.
      const said = [...(claims.wg.get(subnet) ?? [])].filter(([key]) => !others.has(key));
      const behind = said.flatMap(([key, nodes]) => (key === own ? [] : nodes.map((node) => ({node, key}))));
      const right = said.some(([key, nodes]) => key === own && nodes.some((n) => n !== name));
      const stated = (record?.lease.backendData ?? record?.lease.backendV6Data)?.publicKey;
      const ownLine: Evidence = {node: name, command: `wg show ${device.ifname} public-key`, lines: [own]};
      const seen = behind
        .slice(0, 3)
        .map(({node, key}): Evidence => ({node, command: `wg show ${device.ifname} allowed-ips`, lines: [`${key} ${subnet}`]}));
      if (stated !== undefined && stated !== own) {
        yield {
          node: name,
          ...(behind.length === 0 && {severity: 'warning' as const}),
          subject: device.ifname,
          message: `${device.ifname} on ${name} has the key ${own}, but ${stated} is published for it`,
          effect: behind.length === 0 ? `none yet; whichever starts flannel next cannot reach pods of ${name}` : lostTo(name, behind),
          evidence: [ownLine, ...published(member, 'backend-data'), ...seen],
          peers: behind.map((b) => b.node),
          breaks: [token.key(name)],
        };
      } else if (behind.length > 0 && !right && stated === undefined) {
        yield {
          node: name,
          subject: device.ifname,
          message: `${device.ifname} on ${name} has the key ${own}, but ${behind.length === 1 ? behind[0]!.node : `all ${behind.length} peers`} know it by ${behind[0]!.key}`,
          effect: lostTo(name, behind),
          evidence: [ownLine, ...seen],
          peers: behind.map((b) => b.node),
          breaks: [token.key(name)],
        };
      } else {
        for (const {node, key} of behind) yield {...missed(member, node, key), evidence: [ownLine, ...seen.filter((e) => e.node === node)]};
      }
    }
  },
};

const lostTo = (name: string, behind: readonly {readonly node: string}[]): string =>
  `pods of ${name} and of ${behind.map((b) => b.node).join(', ')} cannot reach each other`;

/** Others have the right key: this one missed the change. */
const missed = ({name, lease}: Member, node: string, key: string) => ({
  node,
  subject: name,
  message: `${node} knows ${name} by the key ${key}; ${name} has ${lease?.publicKey}`,
  effect: `pods of ${node} and of ${name} cannot reach each other`,
  peers: [name],
  breaks: [token.news(node, name)],
});
