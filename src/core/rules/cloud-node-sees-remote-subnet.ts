import {contains} from '../net/prefix.js';
import {few, partsOf} from './cloud-rows.js';
import type {ClusterRule} from './rule.js';

export const cloudNodeSeesRemoteSubnet: ClusterRule = {
  id: 'cloud-node-sees-remote-subnet',
  scope: 'cluster',
  stage: 'leftover',
  severity: 'info',
  holds: "All nodes, or none, send by the cloud's rows.",
  cause: 'A change from vxlan or host-gw to routes of the cloud was made node by node, and is not at its end.',
  effect: 'Some nodes still use the old way: it must not be taken down yet.',
  remedy: 'Probe from a node whose own routes are gone; then delete those of the others (cloud-route-shadowed-by-node has the commands).',
  fix: 'no',
  fabric: 'routes',
  *check(cluster) {
    const {claims, members} = cluster;
    const parts = partsOf(cluster);
    const still = new Map<string, string>();
    for (const [dst, gateways] of claims.route) {
      const part = parts.find((p) => contains(p.subnet, dst));
      if (part === undefined) continue;
      for (const [gateway, nodes] of gateways) for (const node of nodes) if (node !== part.node) still.set(node, `${dst} via ${gateway}`);
    }
    const read = members.filter((m) => m.survey.looksAt.routes).map((m) => m.name);
    if (still.size === 0 || still.size >= read.length) return;
    const old = [...still.keys()].toSorted();
    yield {
      node: old[0]!,
      subject: few(old),
      message: `${few(old)} of ${read.length} nodes still ${old.length === 1 ? 'sends' : 'send'} to other nodes' pods by ${old.length === 1 ? 'its' : 'their'} own routes, the others by the cloud's rows`,
      evidence: [...still].toSorted().map(([node, line]) => ({node, command: 'ip route show', lines: [line]})),
      peers: read.filter((n) => n !== old[0]),
    };
  },
};
