import type {FlannelPodRecord, Records} from '../flannel/records.js';
import type {Member} from '../model/cluster.js';
import {published} from './published.js';
import type {NodeRule} from './rule.js';
import {token} from './token.js';

export const controlplaneMissedEvents: NodeRule = {
  id: 'controlplane-missed-events',
  scope: 'node',
  stage: 'lease',
  severity: 'error',
  holds: 'flannel of every node has heard of every node that joined.',
  cause:
    'The node joined while flanneld here was cut off from the API server, or was too busy to follow: what is missed is not asked for again.',
  effect: 'Pods of this node cannot reach pods of the node that joined.',
  remedy: 'Restart flannel on this node, which reads all leases again; or write the rows.',
  restarts: 'node',
  fix: 'ask',
  flannels: true,
  replay: true,
  needs: ['route'],
  *check({name, cluster, changes, member, expected}) {
    const pod = cluster.records && podOn(cluster.records, member);
    if (pod?.started === undefined) return;
    for (const change of changes.route ?? []) {
      const peer = change.kind === 'missing' ? byName(cluster.members).get(change.want.peer ?? '') : undefined;
      const created = peer?.record?.created;
      if (!peer || created === undefined || !(Date.parse(created) > Date.parse(pod.started))) continue;
      // Where another row of the peer stands, flannel did hear of it.
      const asked = expected?.neigh.some((want) => want.peer === peer.name && want.tolerated !== true);
      if (asked && !(changes.neigh ?? []).some((c) => c.kind === 'missing' && c.want.peer === peer.name)) continue;
      yield {
        subject: peer.name,
        message: `${name} knows nothing of ${peer.name}, which joined at ${created}, after flannel here started`,
        effect: `pods of ${name} cannot reach pods of ${peer.name}`,
        evidence: [
          {node: name, command: `kubectl -n ${pod.namespace} get pod ${pod.name} -o yaml`, lines: [`startedAt: ${pod.started}`]},
          {node: name, command: `kubectl get node ${peer.record!.name ?? peer.name} -o yaml`, lines: [`creationTimestamp: ${created}`]},
          ...published(peer, 'public-ip').map((evidence) => ({...evidence, node: name})),
        ],
        peers: [peer.name],
        dependsOn: [token.lease(name), token.lease(peer.name)],
        breaks: [token.news(name, peer.name)],
      };
    }
  },
};

const indexes = new WeakMap<object, ReadonlyMap<string, Member>>();

function byName(members: readonly Member[]): ReadonlyMap<string, Member> {
  const known = indexes.get(members) ?? new Map(members.map((m) => [m.name, m]));
  indexes.set(members, known);
  return known;
}

const podOn = (records: Records, member: Member): FlannelPodRecord | undefined =>
  (records.flannelPods ?? []).find((pod) => pod.node === (member.record?.name ?? member.name) && pod.ready);
