import {link as links} from '../kernel/link.js';
import {policyNode} from '../model/policy-node.js';
import {exclusiveRule} from './exclusive-pods.js';
import {cloudEvidence} from './policy-pods.js';
import {rows} from './rule.js';

export const eniLeftOnHost = exclusiveRule({
  id: 'eni-left-on-host',
  severity: 'warning',
  holds: 'No network interface of a pod that is gone is left on the node.',
  cause:
    'The agent was down when the pod was deleted: the interface came back to the node with the end of its namespace, and stays attached.',
  effect: 'It takes the place of an interface that a new pod could have.',
  remedy: 'Restart the agent, which takes stock; or detach the interface in the cloud.',
  fix: 'no',
  needs: ['link', 'address', 'route'],
  *check(view) {
    const {name, state, cluster, member} = view;
    const tables = policyNode(view)?.tables ?? [];
    const used = new Set([member.uplink?.name, ...tables.flatMap((t) => t.rows.map((r) => r.dev))]);
    const enis = (cluster.cloud?.enis ?? []).filter((e) => e.node === name && e.primary !== true);
    for (const link of state.tables.link ?? []) {
      if (link.flags.includes('UP') || link.kind !== undefined || link.ifname === 'lo' || used.has(link.ifname)) continue;
      if (link.link_type !== undefined && link.link_type !== 'ether') continue;
      if ((state.tables.address ?? []).some((a) => a.dev === link.ifname) || (state.tables.route ?? []).some((r) => r.dev === link.ifname))
        continue;
      const eni = enis.find((e) => e.mac === link.address);
      // Without the cloud's word it may be any spare port of the machine.
      if (!eni) continue;
      yield {
        subject: link.ifname,
        message: `${link.ifname} of ${name}, the interface ${eni.id}, is down and nobody's, and still attached`,
        evidence: [rows(name, links.show, [link]), cloudEvidence(view, [eni])],
      };
    }
  },
});
