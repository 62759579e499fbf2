import {modeOf} from '../modes/index.js';
import {anyNode} from './published.js';
import type {ClusterRule} from './rule.js';

export const cloudBackendRemoved: ClusterRule = {
  id: 'cloud-backend-removed',
  scope: 'cluster',
  stage: 'lease',
  severity: 'error',
  holds: 'flannel still has the backend that net-conf.json asks for.',
  cause: 'flannel v0.20.0 took ali-vpc, aws-vpc and gce out, and the image was raised to it or beyond.',
  effect: 'flanneld ends with `unknown backend type`. Rows that are there still lead; new nodes get none.',
  remedy: "Stay with v0.19.2, or let the cloud's controller manager write the rows and use alloc, or migrate to vxlan.",
  fix: 'no',
  records: ['daemonSets'],
  *check(cluster) {
    const {netConf, records} = cluster;
    const node = anyNode(cluster);
    const until = netConf && modeOf(netConf.backendType)?.until;
    if (node === undefined || netConf === undefined || until === undefined) return;
    for (const set of records?.daemonSets ?? []) {
      const [, major, minor] = /:v?(\d+)\.(\d+)\.\d+/.exec(set.image) ?? [];
      if (major === undefined || (Number(major) === 0 && Number(minor) <= until)) continue;
      yield {
        node,
        subject: `${set.namespace}/${set.name}`,
        message: `net-conf.json asks for ${netConf.backendType}, which flannel of ${set.image} no longer has`,
        evidence: [
          {node, command: cluster.configuredFrom ?? 'net-conf.json', lines: [`Backend.Type: ${netConf.backendType}`]},
          {node, command: `kubectl -n ${set.namespace} get daemonset ${set.name}`, lines: [`image: ${set.image}`]},
        ],
      };
    }
  },
};
