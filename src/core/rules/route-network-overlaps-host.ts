import {address as table} from '../kernel/address.js';
import {widthOf} from '../net/address.js';
import {contains, overlaps, prefix} from '../net/prefix.js';
import {isTunnel} from './pair.js';
import {type NodeRule, rows} from './rule.js';
import {token} from './token.js';

export const routeNetworkOverlapsHost: NodeRule = {
  id: 'route-network-overlaps-host',
  scope: 'node',
  stage: 'lease',
  severity: 'warning',
  holds: 'The pod network shares no address with the networks that the node itself is in.',
  cause:
    "The pod network was chosen inside the company's, the provider's or another cluster's range, or an interface got an address of it.",
  effect: 'Hosts in the shared range, or pods whose subnet lies in it, are reached through the wrong one of the two.',
  remedy: 'Give the interface another network, or plan another pod network: that one cannot be changed in place.',
  fix: 'no',
  needs: ['address', 'link'],
  *check({name, cluster, state, self, peers, bridge}) {
    const own = [self?.subnet, self?.ipv6Subnet].filter((s) => s !== undefined);
    for (const row of state.tables.address ?? []) {
      // A host address claims no network: loopbacks, kube-ipvs0, and what Calico gives its devices.
      if (row.scope !== 'global' || row.prefixlen === widthOf(row.family) || row.dev === bridge || isTunnel(row.dev)) continue;
      const link = prefix(`${row.local}/${row.prefixlen}`);
      const network = cluster.networks.find((n) => overlaps(n, link));
      if (network === undefined || own.some((s) => contains(s, link))) continue;
      // As specific as a peer's route, or more so: the connected route takes its packets. A wider one only loses its own hosts.
      const taken = peers.filter((p) => [p.subnet, p.ipv6Subnet].some((s) => s !== undefined && contains(s, link)));
      const inside = peers.filter((p) => [p.subnet, p.ipv6Subnet].some((s) => s !== undefined && contains(link, s)));
      yield {
        severity: taken.length > 0 ? 'error' : 'warning',
        subject: `${link} on ${row.dev}`,
        message: `${row.dev} on ${name} is in ${link}, which overlaps the pod network ${network}`,
        effect:
          taken.length > 0
            ? `pods of ${taken.map((p) => p.node).join(', ')} cannot be reached from ${name}`
            : `hosts of ${link} cannot be reached from ${name} where a node's pod subnet has their addresses (now ${inside.length})`,
        evidence: [rows(name, table.show, [row])],
        peers: taken.map((p) => p.node),
        breaks: taken.map((p) => token.underlay(name, p.node)),
      };
    }
  },
};
