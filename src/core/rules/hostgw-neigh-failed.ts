import {leaseOf} from '../flannel/lease.js';
import {neighDelete} from '../kernel/commands.js';
import {neigh as table} from '../kernel/neigh.js';
import {isTunnel, neighbourOf} from './pair.js';
import {step} from './remedy.js';
import {type NodeRule, rows} from './rule.js';
import {token} from './token.js';

export const hostgwNeighFailed: NodeRule = {
  id: 'hostgw-neigh-failed',
  scope: 'node',
  stage: 'neigh',
  severity: 'error',
  holds: 'A peer that is reached by its public address on the shared link answers there with its own hardware address.',
  cause:
    "The peer is not on this link after all (client isolation, private VLAN, a cloud's imitation of a link), it is down, or somebody made a static entry.",
  effect: 'Packets for the peer are not sent, or are sent to a machine that is not the peer.',
  remedy: 'Delete a wrong static entry; where the link itself does not let nodes see each other, use vxlan.',
  fix: 'ask',
  needs: ['neigh'],
  *check(view) {
    const {name, peers, member, expected, cluster} = view;
    const dev = member.uplink?.name;
    if (dev === undefined) return;
    const plain = new Set((expected?.route ?? []).filter((w) => !isTunnel(w.row.dev)).map((w) => `${w.peer} ${w.family}`));
    for (const peer of peers) {
      for (const family of [4, 6] as const) {
        const lease = leaseOf(peer, family);
        const found = lease && neighbourOf(view, dev, lease.publicIP);
        if (!found || !lease) continue;
        // INCOMPLETE is a question under way, not a missing answer.
        const unanswered = found.state.includes('FAILED') && plain.has(`${peer.node} ${family}`);
        const fixed = found.lladdr !== undefined && found.state.includes('PERMANENT');
        if (!unanswered && !fixed) continue;
        const survey = cluster.members.find((m) => m.name === peer.node);
        const real = survey?.survey.links.find((l) => l.ifname === survey.uplink?.name)?.address;
        // A dynamic answer may come from a router or a cloud fabric in the peer's place; a static one was written by somebody.
        if (fixed && (real === undefined || real === found.lladdr)) continue;
        yield {
          subject: `${lease.publicIP} (${peer.node})`,
          message: fixed
            ? `${name} has ${peer.node}'s address ${lease.publicIP} fixed to ${found.lladdr} on ${dev}, but ${peer.node} is ${real}`
            : `${peer.node}'s address ${lease.publicIP} does not answer on ${dev} of ${name}`,
          effect: `pods of ${name} cannot reach pods of ${peer.node} (${lease.subnet})`,
          evidence: [rows(name, table.show, [found])],
          ...(fixed && {steps: [step(name, neighDelete(found))]}),
          peers: [peer.node],
          dependsOn: [
            token.lease(peer.node),
            token.underlay(name, peer.node),
            token.device(name, dev),
            ...(survey?.uplink ? [token.device(peer.node, survey.uplink.name)] : []),
          ],
          breaks: [token.underlay(name, peer.node)],
        };
      }
    }
  },
};
