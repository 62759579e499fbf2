import {flannelPodOf, readEnv} from '../../core/flannel/records/daemons.js';
import {at, type Json, list, object} from '../../core/flannel/records/json.js';
import type {KubeObject} from './kube-client.js';

/**
 * What of an API object is kept: only what flannel's records are read from (core/flannel/records/kubernetes.ts), so that a snapshot holds
 * no environment variables, no mounts of secrets and no managed fields, and a large cluster fits into memory.
 */
export const prune = {
  node: (item: KubeObject): KubeObject => ({
    metadata: {
      ...picked(at(item, 'metadata'), ['name', 'resourceVersion', 'creationTimestamp']),
      labels: matching(at(item, 'metadata', 'labels'), /(^|[./])(kubernetes\.io\/(hostname|os|arch)|node-role\.|flannel)/),
      annotations: matching(at(item, 'metadata', 'annotations'), annotations),
    },
    spec: picked(at(item, 'spec'), ['podCIDR', 'podCIDRs', 'providerID', 'taints', 'unschedulable']),
    status: {
      ...picked(at(item, 'status'), ['addresses']),
      conditions: list(at(item, 'status', 'conditions'))
        .filter((c) => ['Ready', 'NetworkUnavailable'].includes(String(at(c, 'type'))))
        .map((c) => picked(c, ['type', 'status', 'reason'])),
      nodeInfo: picked(at(item, 'status', 'nodeInfo'), ['kubeletVersion', 'osImage', 'kernelVersion', 'containerRuntimeVersion']),
    },
  }),

  configMap: (item: KubeObject): KubeObject => ({
    metadata: picked(at(item, 'metadata'), ['name', 'namespace', 'resourceVersion', 'creationTimestamp', 'labels', 'ownerReferences']),
    data: picked(at(item, 'data'), [
      'net-conf.json',
      'cni-conf.json',
      'cni_network_config',
      'canal_iface',
      'canal_iface_regex',
      'masquerade',
    ]),
  }),

  daemonSet: (item: KubeObject): KubeObject => {
    const template = at(item, 'spec', 'template');
    return {
      metadata: picked(at(item, 'metadata'), ['name', 'namespace', 'labels', 'resourceVersion', 'generation', 'creationTimestamp']),
      spec: {
        ...picked(at(item, 'spec'), ['selector', 'updateStrategy']),
        template: {
          metadata: picked(at(template, 'metadata'), ['labels']),
          spec: {
            ...picked(at(template, 'spec'), ['nodeSelector', 'hostNetwork', 'tolerations']),
            containers: list(at(template, 'spec', 'containers')).map(container),
            volumes: list(at(template, 'spec', 'volumes'))
              .filter((v) => at(v, 'configMap') !== undefined)
              .map((v) => ({...picked(v, ['name']), configMap: picked(at(v, 'configMap'), ['name'])})),
          },
        },
      },
      status: picked(at(item, 'status'), ['desiredNumberScheduled', 'numberReady', 'updatedNumberScheduled', 'observedGeneration']),
    };
  },

  pod: (item: KubeObject): KubeObject => {
    const flannel = flannelPodOf(item) !== undefined;
    return {
      metadata: {
        ...picked(at(item, 'metadata'), ['name', 'namespace', 'deletionTimestamp']),
        ...(flannel && picked(at(item, 'metadata'), ['labels', 'creationTimestamp'])),
        ...(flannel && {
          ownerReferences: list(at(item, 'metadata', 'ownerReferences')).map((owner) => picked(owner, ['kind', 'name', 'controller'])),
        }),
      },
      spec: {
        ...picked(at(item, 'spec'), ['nodeName', 'hostNetwork']),
        ...(flannel && picked(at(item, 'spec'), ['affinity'])),
        ...(flannel && {containers: list(at(item, 'spec', 'containers')).map(container)}),
      },
      status: {
        ...picked(at(item, 'status'), ['phase', 'reason', 'podIP', 'podIPs']),
        ...(flannel && picked(at(item, 'status'), ['containerStatuses', 'initContainerStatuses', 'startTime'])),
      },
    };
  },

  service: (item: KubeObject): KubeObject => ({
    metadata: picked(at(item, 'metadata'), ['name', 'namespace']),
    spec: picked(at(item, 'spec'), ['type', 'clusterIP', 'clusterIPs', 'ports']),
  }),
};

function container(item: unknown): Json {
  const args = list(at(item, 'args')).map((word) => (typeof word === 'string' ? word.replace(/^(--?etcd-password=).*/s, '$1…') : word));
  const env = list(at(item, 'env')).flatMap((entry) => (readEnv.has(String(at(entry, 'name'))) ? [picked(entry, ['name', 'value'])] : []));
  return {
    ...picked(item, ['name', 'image', 'command', 'resources']),
    ...(at(item, 'args') !== undefined && {args}),
    ...(env.length > 0 && {env}),
    ...(at(item, 'volumeMounts') !== undefined && {
      volumeMounts: list(at(item, 'volumeMounts')).map((mount) => picked(mount, ['name', 'mountPath'])),
    }),
  };
}

const picked = (value: unknown, keys: readonly string[]): Json => {
  const from = object(value);
  return Object.fromEntries(keys.flatMap((key) => (Object.hasOwn(from, key) ? [[key, from[key]]] : [])));
};

const matching = (value: unknown, wanted: RegExp): Json =>
  Object.fromEntries(Object.entries(object(value)).filter(([key]) => wanted.test(key)));

/** What flanneld writes and reads, under whatever prefix; and what says flannel, or k3s's own words for it. */
const annotations =
  /(kube-subnet-manager|backend(-v6)?-(type|data)|(node-)?public-ip(v6)?(-overwrite)?)$|flannel|^k3s\.io\/(internal|external)-ip$/;
