import {leaseOf} from '../flannel/lease.js';
import {fdbDelete, fdbReplace, neighReplace} from '../kernel/commands.js';
import {link as table} from '../kernel/link.js';
import {publishedMac} from '../model/published-mac.js';
import {baseOf} from '../net/prefix.js';
import {published as recordOf} from './published.js';
import {step} from './remedy.js';
import {type ClusterRule, rows} from './rule.js';
import {token} from './token.js';

export const leaseVtepmacMismatch: ClusterRule = {
  id: 'lease-vtepmac-mismatch',
  scope: 'cluster',
  stage: 'lease',
  severity: 'error',
  holds: "The hardware address that a node published for its tunnel device is the device's.",
  cause: "systemd's MACAddressPolicy rewrote it after flannel published it, or somebody made the device anew.",
  effect: 'Tunnelled packets reach the node and are dropped there: the inner frame is for somebody else. Its own packets still get out.',
  remedy:
    'Restart flannel on that node, which publishes the real address; or write it on every peer. For good: MACAddressPolicy=none for flannel*.',
  restarts: 'node',
  fix: 'ask',
  // The change of the address also emptied the node's own neighbour table of that device.
  replay: true,
  modes: ['vxlan'],
  *check(cluster) {
    const {members, mode, settings, claims} = cluster;
    if (!mode || !settings) return;
    const owners = new Map<string, number>();
    const holders = new Map<string, number>();
    for (const {lease} of members)
      for (const subnet of [lease?.subnet, lease?.ipv6Subnet])
        if (subnet !== undefined) holders.set(subnet, (holders.get(subnet) ?? 0) + 1);
    for (const {lease} of members)
      for (const mac of [lease?.vtepMAC, lease?.vtepMACv6]) if (mac !== undefined) owners.set(mac, (owners.get(mac) ?? 0) + 1);
    for (const member of members) {
      const {name, lease, survey, record} = member;
      for (const {family, name: dev} of mode.devices(settings)) {
        const own = lease && leaseOf(lease, family);
        const device = survey.links.find((l) => l.ifname === dev);
        // Two nodes with one address, or one subnet, are another rule's matter.
        if (!own?.vtepMAC || device?.address !== own.vtepMAC || (owners.get(own.vtepMAC) ?? 0) > 1 || (holders.get(own.subnet) ?? 0) > 1)
          continue;
        // The usual case, without counting thousands of peers.
        const said = claims.neigh.get(baseOf(own.subnet));
        const stated = (family === 4 ? record?.lease.backendData : record?.lease.backendV6Data)?.vtepMAC;
        if (stated === own.vtepMAC) continue;
        if (stated === undefined && (said === undefined || (said.size === 1 && said.has(own.vtepMAC)))) continue;
        const published = publishedMac(cluster, name, family);
        if (!published || published.mac === own.vtepMAC) continue;
        // With DirectRouting the rows of peers on the same link are leftovers that nothing uses.
        const users = settings.directRouting ? new Set(claims.route.get(own.subnet)?.get(baseOf(own.subnet))) : undefined;
        const nodes = settings.directRouting ? published.nodes.filter((n) => users?.has(n)) : published.nodes;
        const doubtful = nodes.length < Math.min(2, published.of) || nodes.length === 0 || published.nodes.length < published.of * 0.9;
        if (stated === undefined && doubtful) continue;
        const stale = owners.has(published.mac) ? undefined : claims.fdb.get(published.mac);
        yield {
          node: name,
          subject: dev,
          ...(nodes.length === 0 && {severity: 'warning' as const}),
          message:
            stated === undefined
              ? `${dev} on ${name} has ${own.vtepMAC}, but ${nodes.length === 1 ? nodes[0] : `all ${nodes.length} peers`} send to ${published.mac}`
              : `${dev} on ${name} has ${own.vtepMAC}, but ${stated} is published for it`,
          effect:
            nodes.length === 0
              ? `none yet, no node sends to ${published.mac}; whichever starts flannel next cannot reach pods of ${name}`
              : `pods of ${stated === undefined ? 'other nodes' : nodes.join(', ')} cannot reach pods of ${name}`,
          evidence: [
            rows(name, table.show, [device]),
            ...recordOf(member, family === 4 ? 'backend-data' : 'backend-v6-data'),
            ...nodes
              .slice(0, 3)
              .map((node) => ({node, command: `ip neigh show dev ${dev}`, lines: [`${baseOf(own.subnet)} lladdr ${published.mac}`]})),
          ],
          peers: nodes,
          steps: nodes.flatMap((node) => [
            step(node, neighReplace({dst: baseOf(own.subnet), dev, lladdr: own.vtepMAC!})),
            step(node, fdbReplace({mac: own.vtepMAC!, dev, dst: own.publicIP})),
            ...[...(stale ?? [])]
              .filter(([, by]) => by.includes(node))
              .map(([dst]) => step(node, fdbDelete({mac: published.mac, dev, dst, flags: ['self'], state: 'permanent'}))),
          ]),
          breaks: [token.mac(name), token.device(name, dev)],
        };
      }
    }
  },
};
