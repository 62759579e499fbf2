import {leaseOf} from '../flannel/lease.js';
import {lookup} from '../forwarding/lookup.js';
import {route as table} from '../kernel/route.js';
import type {Ip} from '../net/address.js';
import {contains} from '../net/prefix.js';
import {published} from './published.js';
import {type NodeRule, rows} from './rule.js';
import {token} from './token.js';

const privates = ['10.0.0.0/8', '100.64.0.0/10', '172.16.0.0/12', '192.168.0.0/16'];
const isPrivate = (address: Ip): boolean => privates.some((block) => contains(block, address));

export const underlayNodesBehindNat: NodeRule = {
  id: 'underlay-nodes-behind-nat',
  scope: 'node',
  stage: 'lease',
  // The tables cannot tell whether the router knows a way.
  severity: 'warning',
  holds: 'A node whose address is on the internet has a route of its own to peers that published a private one.',
  cause: 'A node joined from behind NAT: it reaches the API server, and publishes an address that means nothing outside its own network.',
  effect: 'This node cannot send to the pods of the peer; packets of the peer arrive, and the answers do not.',
  remedy: 'WireGuard with the external address and a keepalive on the side behind NAT, or a VPN between the networks.',
  fix: 'no',
  modes: ['vxlan', 'udp', 'ipip', 'ipsec'],
  needs: ['route'],
  *check(view) {
    const {name, self, peers, state, cluster} = view;
    const own = self && leaseOf(self, 4);
    if (!own || isPrivate(own.publicIP)) return;
    for (const other of peers) {
      const peer = leaseOf(other, 4);
      if (!peer || !isPrivate(peer.publicIP)) continue;
      const found = lookup(state, {dst: peer.publicIP});
      if (found.kind !== 'route' || found.route.dst !== '0.0.0.0/0') continue;
      const member = cluster.members.find((m) => m.name === peer.node);
      yield {
        subject: `${peer.publicIP} (${peer.node})`,
        message: `${name} (${own.publicIP}) has only its default route to ${peer.node}, which published the private address ${peer.publicIP}`,
        effect: `packets of ${name} for pods of ${peer.node} end at a router that does not know ${peer.publicIP}`,
        evidence: [rows(name, table.show, [found.route]), ...(member ? published(member, 'public-ip') : [])],
        peers: [peer.node],
        breaks: [token.underlay(name, peer.node)],
      };
    }
  },
};
