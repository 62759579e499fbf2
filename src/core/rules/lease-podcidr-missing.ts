import {published} from './published.js';
import type {ClusterRule} from './rule.js';
import {token} from './token.js';

export const leasePodcidrMissing: ClusterRule = {
  id: 'lease-podcidr-missing',
  scope: 'cluster',
  stage: 'lease',
  severity: 'error',
  holds: 'Every Node has a podCIDR of each family that flannel uses.',
  cause:
    'The controller manager runs without --allocate-node-cidrs and --cluster-cidr (kubeadm without --pod-network-cidr), or has none left.',
  effect: 'flanneld refuses to start on the node: it gets no pods, and nobody has routes to it.',
  remedy:
    'Give kube-controller-manager --allocate-node-cidrs=true and --cluster-cidr=<Network>; the field cannot be changed once it is set.',
  fix: 'no',
  flannels: true,
  records: ['kubernetes'],
  *check({members, networks}) {
    for (const member of members) {
      const {name, record, survey} = member;
      if (!record) continue;
      const missing = ([4, 6] as const).filter(
        (family) =>
          networks.some((n) => n.includes(':') === (family === 6)) &&
          (family === 4 ? record.lease.subnet : record.lease.ipv6Subnet) === undefined,
      );
      if (missing.length === 0) continue;
      const runs = survey.state.subnetEnv !== undefined && survey.state.subnetEnv !== 'none';
      yield {
        node: name,
        ...(runs && {severity: 'warning' as const, effect: `none while flannel of ${name} runs; it will not start again`}),
        subject: missing.map((family) => `IPv${family}`).join(', '),
        message: `the Node ${name} has no podCIDR${networks.length > 1 ? ` of ${missing.map((f) => `IPv${f}`).join(' and ')}` : ''}`,
        evidence: published(member, 'spec.podCIDRs'),
        breaks: [token.lease(name), token.subnetEnv(name)],
      };
    }
  },
};
