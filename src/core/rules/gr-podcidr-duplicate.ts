import type {Member} from '../model/cluster.js';
import type {Prefix} from '../net/address.js';
import {overlaps, tryPrefix} from '../net/prefix.js';
import {isGlobalRouter} from './global-router.js';
import type {ClusterRule} from './rule.js';
import {token} from './token.js';

/** A node's part: of its Node object, else as its own tables have it. */
const partOf = ({record, lease}: Member): Prefix | undefined => {
  const stated = (record?.podCIDRs ?? []).find((c) => !c.includes(':'));
  return (stated === undefined ? undefined : tryPrefix(stated)) ?? lease?.subnet;
};

export const grPodcidrDuplicate: ClusterRule = {
  id: 'gr-podcidr-duplicate',
  scope: 'cluster',
  stage: 'lease',
  severity: 'error',
  holds: "No two nodes' parts of the container network overlap.",
  cause: 'A podCIDR set by hand, or a node that came back from an image with its old configuration.',
  effect: "The cloud leads a part to one node only: nobody beyond the other one reaches that one's pods.",
  remedy: 'Give one of the nodes another part: drain it, delete its Node object, and let it join anew.',
  fix: 'no',
  *check(cluster) {
    if (!isGlobalRouter(cluster)) return;
    const parts = cluster.members.flatMap((m) => {
      const part = partOf(m);
      return part === undefined ? [] : [{name: m.name, part}];
    });
    for (const [at, {name, part}] of parts.entries()) {
      const twins = parts.slice(0, at).filter((o) => overlaps(o.part, part));
      if (twins.length === 0) continue;
      yield {
        node: name,
        subject: part,
        message: `${[...twins.map((t) => t.name), name].join(' and ')} have parts of the container network that overlap: ${[...new Set([...twins.map((t) => t.part), part])].join(', ')}`,
        evidence: [...twins, {name, part}].map((p) => ({node: p.name, command: 'podCIDR, or the bridge and its route', lines: [p.part]})),
        peers: twins.map((t) => t.name),
        breaks: [token.lease(name), ...twins.map((t) => token.lease(t.name))],
      };
    }
  },
};
