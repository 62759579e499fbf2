import type {KubeObject} from '../../src/edge/sources/kube-client.js';

/** Objects as an API server of v1.31 gives them, with what is nobody's business in them: environment, images, managed fields. */
const noise = {uid: '6f2a', managedFields: [{manager: 'kubelet', fieldsV1: {secret: 'hunter2'}}]};
const f = 'flannel.alpha.coreos.com/';

export const node = (name: string, number: number, annotations: object = {}): KubeObject => ({
  metadata: {
    ...noise,
    name,
    resourceVersion: '1234',
    creationTimestamp: '2026-01-02T03:04:05Z',
    labels: {'kubernetes.io/hostname': name, 'kubernetes.io/os': 'linux', 'example.org/secret': 'hunter2'},
    annotations: {
      [`${f}kube-subnet-manager`]: 'true',
      [`${f}backend-type`]: 'vxlan',
      [`${f}backend-data`]: `{"VNI":1,"VtepMAC":"aa:00:00:00:00:0${number}"}`,
      [`${f}public-ip`]: `192.0.2.${number}`,
      'node.alpha.kubernetes.io/ttl': '0',
      'example.org/note': 'hunter2',
      ...annotations,
    },
  },
  spec: {
    podCIDR: `10.244.${number}.0/24`,
    podCIDRs: [`10.244.${number}.0/24`],
    providerID: `kind://docker/kind/${name}`,
    taints: [{key: 'a', effect: 'NoSchedule'}],
  },
  status: {
    addresses: [
      {type: 'InternalIP', address: `192.0.2.${number}`},
      {type: 'Hostname', address: name},
    ],
    conditions: [
      {type: 'MemoryPressure', status: 'False', message: 'hunter2'},
      {type: 'Ready', status: 'True', reason: 'KubeletReady', message: 'hunter2'},
      {type: 'NetworkUnavailable', status: 'False', reason: 'FlannelIsUp'},
    ],
    images: [{names: ['registry.example.org/hunter2'], sizeBytes: 1}],
    nodeInfo: {kubeletVersion: 'v1.31.2', bootID: 'hunter2'},
  },
});

export const configMap = (namespace: string, name: string, type = 'vxlan'): KubeObject => ({
  metadata: {...noise, namespace, name, resourceVersion: '99'},
  data: {'net-conf.json': `{"Network": "10.244.0.0/16", "Backend": {"Type": "${type}"}}\n`, 'cni-conf.json': '{}', other: 'hunter2'},
});

const template = {
  hostNetwork: true,
  containers: [
    {
      name: 'kube-flannel',
      image: 'ghcr.io/flannel-io/flannel:v0.27.4',
      command: ['/opt/bin/flanneld'],
      args: ['--ip-masq', '--kube-subnet-mgr', '--etcd-password=hunter2'],
      env: [{name: 'TOKEN', value: 'hunter2'}],
      resources: {limits: {memory: '50Mi'}},
      volumeMounts: [{name: 'flannel-cfg', mountPath: '/etc/kube-flannel/', readOnly: true}],
    },
  ],
  volumes: [
    {name: 'flannel-cfg', configMap: {name: 'kube-flannel-cfg', defaultMode: 420}},
    {name: 'key', secret: {secretName: 'hunter2'}},
  ],
};

export const daemonSet = (namespace: string, name: string): KubeObject => ({
  metadata: {...noise, namespace, name, creationTimestamp: '2026-01-02T03:04:05Z', annotations: {last: 'hunter2'}},
  spec: {
    selector: {matchLabels: {app: 'flannel'}},
    updateStrategy: {type: 'RollingUpdate'},
    template: {metadata: {labels: {app: 'flannel', tier: 'node'}}, spec: template},
  },
  status: {desiredNumberScheduled: 2, numberReady: 2},
});

export const flannelPod = (namespace: string, name: string, on: string): KubeObject => ({
  metadata: {
    ...noise,
    namespace,
    name,
    labels: {app: 'flannel'},
    ownerReferences: [{kind: 'DaemonSet', name: 'kube-flannel-ds', uid: 'x'}],
  },
  spec: {...template, nodeName: on, serviceAccountName: 'hunter2'},
  status: {
    phase: 'Running',
    podIP: '192.0.2.1',
    podIPs: [{ip: '192.0.2.1'}],
    containerStatuses: [
      {
        name: 'kube-flannel',
        ready: true,
        restartCount: 3,
        state: {running: {startedAt: '2026-01-02T03:04:06Z'}},
        lastState: {terminated: {reason: 'OOMKilled', exitCode: 137}},
      },
    ],
  },
});

export const pod = (namespace: string, name: string, on: string, ip: string): KubeObject => ({
  metadata: {...noise, namespace, name, labels: {app: 'web'}, annotations: {a: 'hunter2'}},
  spec: {nodeName: on, containers: [{name: 'web', image: 'web', env: [{name: 'PASSWORD', value: 'hunter2'}]}]},
  status: {phase: 'Running', podIP: ip, podIPs: [{ip}], containerStatuses: [{name: 'web', imageID: 'hunter2'}]},
});

export const service = (namespace: string, name: string, ip: string): KubeObject => ({
  metadata: {...noise, namespace, name, annotations: {a: 'hunter2'}},
  spec: {
    type: 'ClusterIP',
    clusterIP: ip,
    clusterIPs: [ip],
    selector: {secret: 'hunter2'},
    ports: [{name: 'http', port: 80, targetPort: 8080, protocol: 'TCP'}],
  },
});

/** A small cluster, by the path of its listings. */
export const cluster: {readonly [path: string]: readonly KubeObject[]} = {
  '/api/v1/nodes': [node('n1', 1), node('n2', 2)],
  '/apis/apps/v1/daemonsets': [
    daemonSet('kube-flannel', 'kube-flannel-ds'),
    {
      metadata: {namespace: 'kube-system', name: 'kube-proxy'},
      spec: {template: {spec: {containers: [{name: 'kube-proxy', image: 'kube-proxy'}]}}},
    },
  ],
  '/api/v1/namespaces/kube-flannel/configmaps': [configMap('kube-flannel', 'kube-flannel-cfg')],
  '/api/v1/namespaces/kube-flannel/pods': [
    flannelPod('kube-flannel', 'kube-flannel-ds-a', 'n1'),
    flannelPod('kube-flannel', 'kube-flannel-ds-b', 'n2'),
  ],
  '/api/v1/namespaces/shop/pods': [pod('shop', 'web-1', 'n1', '10.244.1.7')],
  '/api/v1/namespaces/shop/services': [service('shop', 'web', '10.96.0.10')],
};
