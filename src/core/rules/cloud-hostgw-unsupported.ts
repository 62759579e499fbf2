import {leaseOf} from '../flannel/lease.js';
import {type Neigh, neigh as table} from '../kernel/neigh.js';
import {neighbourOf} from './pair.js';
import {type NodeRule, rows} from './rule.js';

export const cloudHostgwUnsupported: NodeRule = {
  id: 'cloud-hostgw-unsupported',
  scope: 'node',
  stage: 'neigh',
  severity: 'warning',
  holds: 'With host-gw every peer answers with a hardware address of its own.',
  cause:
    'A cloud network that only looks like a link: its fabric answers ARP for everybody and routes by IP address, whatever the next hop.',
  effect: 'The fabric knows no pod subnets and drops the packets.',
  remedy: "Use vxlan, or the provider's own route tables for the pod subnets. A probe between two pods tells for sure.",
  fix: 'no',
  modes: ['host-gw'],
  needs: ['neigh'],
  *check(view) {
    const {name, peers, member} = view;
    const dev = member.uplink?.name;
    if (dev === undefined) return;
    const answers = new Map<string, Neigh>();
    for (const peer of peers) {
      const lease = leaseOf(peer, 4) ?? leaseOf(peer, 6);
      const row = lease && neighbourOf(view, dev, lease.publicIP);
      if (row?.lladdr !== undefined) answers.set(peer.node, row);
    }
    const [first] = answers.values();
    if (answers.size < 2 || ![...answers.values()].every((r) => r.lladdr === first!.lladdr)) return;
    yield {
      subject: `${dev}: ${first!.lladdr}`,
      message: `on ${name} all ${answers.size} peers answer with the hardware address ${first!.lladdr}: something between the nodes answers for them`,
      effect: 'pod packets between nodes are dropped, unless that machine has routes to the pod subnets',
      evidence: [rows(name, table.show, [...answers.values()].slice(0, 5))],
      peers: [...answers.keys()],
    };
  },
};
