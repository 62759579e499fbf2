import {anyNode} from './published.js';
import type {ClusterRule} from './rule.js';

/** Keys of flannel's cloud backends that hold a secret, as net-conf.json folds them. */
const secrets = ['accesskeysecret', 'accesskeyid'] as const;

export const cloudCredentialsInConfig: ClusterRule = {
  id: 'cloud-credentials-in-config',
  scope: 'cluster',
  stage: 'lease',
  severity: 'warning',
  holds: 'net-conf.json holds no access key of the cloud.',
  cause: 'AccessKeyID and AccessKeySecret were written into the Backend of net-conf.json.',
  effect: 'Whoever may read the ConfigMap has the key; flanneld also prints it in its log when it starts.',
  remedy: 'Give the key as ACCESS_KEY_ID and ACCESS_KEY_SECRET from a Secret, and have the cloud make a new one: the old is in the logs.',
  fix: 'no',
  *check(cluster) {
    const node = anyNode(cluster);
    const backend = cluster.netConf?.backend ?? {};
    const held = secrets.filter((key) => typeof backend[key] === 'string' && backend[key] !== '');
    if (node === undefined || !held.includes('accesskeysecret')) return;
    yield {
      node,
      subject: 'net-conf.json',
      message: `net-conf.json holds the access key of the cloud (Backend.Type ${cluster.netConf?.backendType})`,
      evidence: [{node, command: cluster.configuredFrom ?? 'net-conf.json', lines: held.map((key) => `${key}: (not shown)`)}],
    };
  },
};
