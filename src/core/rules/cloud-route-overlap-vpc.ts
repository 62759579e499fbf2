import {overlaps} from '../net/prefix.js';
import {networksOf, ownNetworks, partsOf} from './cloud-rows.js';
import {anyNode} from './published.js';
import type {ClusterRule} from './rule.js';

export const cloudRouteOverlapVpc: ClusterRule = {
  id: 'cloud-route-overlap-vpc',
  scope: 'cluster',
  stage: 'lease',
  severity: 'error',
  holds: "The pod network and the cloud's own network share no address.",
  cause: 'The pod network was chosen inside the range of the VPC, or the VPC got another range later.',
  effect: "The cloud refuses such rows, or its own local row wins: the packets never reach a node for the pods' sake.",
  remedy: 'Give the pods another network; on TKE, tccli tke DescribeRouteTableConflicts tells of a range beforehand.',
  fix: 'no',
  fabric: 'routes',
  cloud: ['routes'],
  *check(cluster) {
    const node = anyNode(cluster);
    if (node === undefined) return;
    const parts = partsOf(cluster).map((p) => p.subnet);
    const networks = networksOf(cluster);
    for (const {prefix, what, raw} of ownNetworks(cluster)) {
      const hit = networks.find((n) => overlaps(n, prefix)) ?? parts.find((p) => overlaps(p, prefix));
      if (hit === undefined) continue;
      yield {
        node,
        subject: `${hit} and ${prefix}`,
        message: `the pod network ${hit} overlaps ${what}`,
        evidence: [{node, command: cluster.cloud?.sources.routes?.from ?? '', lines: [what], raw: [raw]}],
      };
    }
  },
};
