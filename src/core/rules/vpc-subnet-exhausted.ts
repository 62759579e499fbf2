import {partsOf} from '../net/prefix.js';
import type {ClusterRule} from './rule.js';

export const vpcSubnetExhausted: ClusterRule = {
  id: 'vpc-subnet-exhausted',
  scope: 'cluster',
  stage: 'lease',
  severity: 'warning',
  holds: 'A tenth of the addresses of every subnet that pods get theirs from is free.',
  cause: 'Pods take addresses of the VPC one by one, and agents keep some in store on every node.',
  effect: 'Soon pods stay Pending for want of an address.',
  remedy: 'Give the agent further subnets, in the same zone as the nodes.',
  fix: 'no',
  *check(cluster) {
    const {cloud, members} = cluster;
    const [first] = members;
    if (cluster.mode?.fabric !== 'addresses' || !first || cloud?.subnets === undefined) return;
    const used = new Set(
      (cloud.enis ?? []).flatMap((e) => (e.node === undefined || e.primary === true || e.subnetId === undefined ? [] : [e.subnetId])),
    );
    for (const subnet of cloud.subnets) {
      if (!used.has(subnet.id) || subnet.freeAddresses === undefined) continue;
      const {first: low, last} = partsOf(subnet.cidr);
      const size = Number(last - low) + 1;
      if (subnet.freeAddresses >= size * 0.1) continue;
      const nodes = (cloud.enis ?? []).flatMap((e) => (e.subnetId === subnet.id && e.node !== undefined ? [e.node] : []));
      yield {
        node: nodes[0] ?? first.name,
        ...(subnet.freeAddresses === 0 && {severity: 'error' as const, effect: 'new pods stay Pending for want of an address'}),
        subject: subnet.id,
        message: `${subnet.id} (${subnet.cidr}), from which pods get addresses, has ${subnet.freeAddresses} of ${size} left`,
        evidence: [
          {
            node: nodes[0] ?? first.name,
            command: cloud.sources.enis?.from ?? 'the subnets that the cloud lists',
            lines: [`${subnet.id} ${subnet.cidr}: ${subnet.freeAddresses} free`],
          },
        ],
        peers: [...new Set(nodes)].slice(1),
      };
    }
  },
};
