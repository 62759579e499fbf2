import type {Cluster} from '../model/cluster.js';
import {published} from './published.js';
import type {ClusterRule, Observation} from './rule.js';
import {token} from './token.js';

export const leaseDeadNode: ClusterRule = {
  id: 'lease-dead-node',
  scope: 'cluster',
  stage: 'lease',
  severity: 'warning',
  holds: 'Every lease belongs to a node that is alive.',
  cause: 'A node was switched off or removed. A lease of etcd outlives it by up to 24 hours; a Node object until somebody deletes it.',
  effect: 'The other nodes keep their rows, and send what is for its pods to nobody.',
  remedy: 'Bring the node back, or delete its Node object (its key in etcd): flannel of the others then takes the rows away.',
  fix: 'no',
  flannels: true,
  *check(cluster) {
    if (cluster.source === 'kubernetes') yield* notReady(cluster);
    else if (cluster.source === 'etcd') yield* ownerless(cluster);
  },
};

function* notReady({members}: Cluster): Generator<Observation & {node: string}> {
  for (const member of members) {
    const {name, record, survey} = member;
    if (record?.ready !== false || !record.lease.managed) continue;
    const answers = survey.looksAt.links;
    yield {
      node: name,
      ...(answers && {severity: 'info' as const, effect: 'none for the network: the node itself answers'}),
      subject: name,
      message: `the Node ${name} is not Ready${answers ? '' : ', and could not be read'}; its lease stands`,
      evidence: [
        {node: name, command: `kubectl get node ${record.name ?? name}`, lines: ['Ready: not True', ...(record.taints ?? [])]},
        ...published(member, 'public-ip'),
      ],
    };
  }
}

/** Leases that no node of those that were read is behind; a node that was not read may be. */
function* ownerless({members}: Cluster): Generator<Observation & {node: string}> {
  if (members.some((m) => m.unrecorded && m.survey.state.failure)) return;
  for (const member of members) {
    const {name, record, survey} = member;
    if (!record || survey.state.failure?.kind !== 'not-asked') continue;
    const {ttl, publicIP, publicIPv6, subnet, ipv6Subnet} = record.lease;
    const address = publicIP ?? publicIPv6;
    const twin = members.find((m) => m !== member && m.survey.addresses.some((a) => a.address === address));
    const goes = typeof ttl === 'number';
    yield {
      node: name,
      ...(goes && {severity: 'info' as const}),
      subject: subnet ?? ipv6Subnet ?? name,
      message: twin
        ? `etcd has a second lease of ${twin.name}, ${subnet ?? ipv6Subnet}, beside ${twin.record?.lease.subnet ?? 'its own'}`
        : `etcd has a lease of ${address ?? 'nobody'} for ${subnet ?? ipv6Subnet}, and no node has this address`,
      effect: `${goes ? `until it expires in ${duration(ttl)} ` : ''}the other nodes send packets for ${subnet ?? ipv6Subnet} to ${address ?? 'nobody'}`,
      evidence: published(member),
      peers: twin ? [twin.name] : [],
      breaks: [token.lease(name), token.mac(name)],
    };
  }
}

export const duration = (seconds: number): string =>
  seconds < 120 ? `${seconds} s` : seconds < 7200 ? `${Math.round(seconds / 60)} min` : `${Math.round(seconds / 3600)} h`;
