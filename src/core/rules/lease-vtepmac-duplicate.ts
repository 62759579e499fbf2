import {type FamilyLease, leaseOf} from '../flannel/lease.js';
import {fdbReplace, neighReplace} from '../kernel/commands.js';
import {link as table} from '../kernel/link.js';
import type {Cluster} from '../model/cluster.js';
import {publishedMac} from '../model/published-mac.js';
import {type Mac, numberOf} from '../net/address.js';
import {baseOf} from '../net/prefix.js';
import {idleIn, unused} from './idle-tunnel.js';
import {step} from './remedy.js';
import {type ClusterRule, rows, type Step} from './rule.js';
import {token} from './token.js';

export const leaseVtepmacDuplicate: ClusterRule = {
  id: 'lease-vtepmac-duplicate',
  scope: 'cluster',
  stage: 'lease',
  severity: 'error',
  holds: 'No two tunnel devices have the same hardware address.',
  cause: 'Cloned machines with one machine-id under a persistent MAC policy, or a Node object copied with its annotations.',
  effect: 'A forwarding table holds one destination for an address: one of the two nodes gets the frames of both.',
  remedy: 'Give one of them another address (a clone also a new machine-id), then restart flannel there so that it is published.',
  restarts: 'node',
  fix: 'ask',
  modes: ['vxlan'],
  *check(cluster) {
    const {members, mode, settings} = cluster;
    if (!mode || !settings) return;
    for (const {family, name: dev} of mode.devices(settings)) {
      const holders = new Map<Mac, FamilyLease[]>();
      for (const {lease} of members) {
        const own = lease && leaseOf(lease, family);
        if (own?.vtepMAC !== undefined) holders.set(own.vtepMAC, [...(holders.get(own.vtepMAC) ?? []), own]);
      }
      for (const [mac, leases] of holders) {
        if (leases.length < 2) continue;
        const keeper = keeperOf(cluster, mac, leases);
        const twins = leases.filter((l) => l !== keeper);
        for (const twin of twins) {
          yield {
            node: twin.node,
            subject: mac,
            message: `${dev} of ${twin.node} has the hardware address of ${keeper.node}'s, ${mac}`,
            effect: `pods of other nodes cannot reach pods of ${twin.node}, or of ${keeper.node}`,
            ...(leases.every((l) => unused(cluster, l.node, family)) && idleIn(cluster, twin.node, family)),
            evidence: leases.map((l) =>
              rows(
                l.node,
                table.show,
                members.find((m) => m.name === l.node)!.survey.links.filter((link) => link.ifname === dev),
              ),
            ),
            peers: leases.filter((l) => l !== twin).map((l) => l.node),
            steps: separate(cluster, dev, mac, keeper, twin),
            breaks: [...leases.flatMap((l) => [token.mac(l.node), token.lease(l.node)]), token.device(twin.node, dev)],
          };
        }
      }
    }
  },
};

/** Who had it first: the one whom the peers know by it, then the one whom their forwarding tables name most. */
function keeperOf(cluster: Cluster, mac: Mac, leases: readonly FamilyLease[]): FamilyLease {
  const known = leases.filter((l) => publishedMac(cluster, l.node, l.family)?.mac === mac);
  const votes = (l: FamilyLease) => cluster.claims.fdb.get(mac)?.get(l.publicIP)?.length ?? 0;
  return (known.length > 0 ? known : leases).toSorted((a, b) => votes(b) - votes(a))[0]!;
}

function separate(cluster: Cluster, dev: string, shared: Mac, keeper: FamilyLease, twin: FamilyLease): readonly Step[] {
  const published = publishedMac(cluster, twin.node, twin.family)?.mac;
  const fresh = published !== undefined && published !== shared ? published : derived(twin);
  const peers = cluster.members.filter((m) => m.lease && m.name !== twin.node).map((m) => m.name);
  return [
    step(twin.node, ['ip', 'link', 'set', dev, 'address', fresh]),
    // A new address empties the device's neighbour table.
    ...neighbours(cluster, dev, twin),
    ...(fresh === published
      ? []
      : peers
          .filter((node) => sendsTo(cluster, node, twin))
          .flatMap((node) => [
            step(node, neighReplace({dst: baseOf(twin.subnet), dev, lladdr: fresh})),
            step(node, fdbReplace({mac: fresh, dev, dst: twin.publicIP})),
          ])),
    ...peers
      .filter((node) => node !== keeper.node && sendsTo(cluster, node, keeper))
      .filter((node) => !cluster.claims.fdb.get(shared)?.get(keeper.publicIP)?.includes(node))
      .map((node) => step(node, fdbReplace({mac: shared, dev, dst: keeper.publicIP}))),
  ];
}

/** The neighbours that the node must have on its tunnel. */
function neighbours(cluster: Cluster, dev: string, {node, family}: FamilyLease): readonly Step[] {
  return cluster.members.flatMap((m) => {
    const peer = m.name === node || !m.lease ? undefined : leaseOf(m.lease, family);
    if (peer?.vtepMAC === undefined) return [];
    return sendsTo(cluster, node, peer) ? [step(node, neighReplace({dst: baseOf(peer.subnet), dev, lladdr: peer.vtepMAC}))] : [];
  });
}

/** Does the node send to this peer through the tunnel? With DirectRouting only to those that it has a tunnel route to. */
const sendsTo = ({settings, claims}: Cluster, node: string, peer: FamilyLease): boolean =>
  settings?.directRouting !== true || claims.route.get(peer.subnet)?.get(baseOf(peer.subnet))?.includes(node) === true;

/** A locally administered address that only this subnet gives. */
function derived({subnet, family}: FamilyLease): Mac {
  const number = numberOf(baseOf(subnet));
  const part = family === 4 ? number : (number >> 64n) & 0xffff_ffffn;
  return `0a:5c:${part.toString(16).padStart(8, '0').match(/../g)!.join(':')}`;
}
