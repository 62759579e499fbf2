import {cloudRows, partsInTables, waysTo} from './cloud-rows.js';
import type {ClusterRule} from './rule.js';
import {envLines} from './witness.js';

export const cloudMasqHidesMissingRow: ClusterRule = {
  id: 'cloud-masq-hides-missing-row',
  scope: 'cluster',
  stage: 'leftover',
  severity: 'info',
  holds: 'A missing row of the cloud shows at once.',
  cause: "flannel masquerades what leaves the pod network, so it comes from the node's own address, and answers need no row.",
  effect: 'The pods reach the outside, which makes their network look whole; only other nodes and machines of the network miss them.',
  remedy: 'See to the row; nothing is wrong with the masquerading.',
  fix: 'no',
  fabric: 'routes',
  cloud: ['routes', 'tables'],
  *check(cluster) {
    const told = new Set<string>();
    for (const {part, senders, found} of partsInTables(cluster)) {
      const env = part.member.survey.state.subnetEnv;
      if ((found.kind !== 'missing' && found.kind !== 'disabled') || told.has(part.node)) continue;
      if (env === undefined || env === 'none' || env.ipmasq !== true) continue;
      told.add(part.node);
      yield {
        node: part.node,
        subject: part.subnet,
        message: `the pods of ${part.node} reach the outside by its own address, although the cloud has no row for ${part.subnet} in use`,
        evidence: [envLines(part.node, env, 'FLANNEL_IPMASQ'), cloudRows(cluster, part.node, found.rows, `(no row: ${part.subnet})`)],
        dependsOn: waysTo(part.node, senders),
      };
    }
  },
};
