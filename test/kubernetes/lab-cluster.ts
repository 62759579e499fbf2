import {spawn} from 'node:child_process';
import {readFileSync} from 'node:fs';
import {runIn} from '../../src/edge/lab/exec.js';
import type {Lab, LabNode} from '../../src/edge/lab/topology.js';
import {type Certificates, kubeconfig, makeCertificates, scratch} from '../sources/tiny-api.js';
import {ApiServer} from './api-server.js';
import {type KubeObject, kindNamed} from './store.js';

const [nodes, pods, configMaps, daemonSets] = [
  kindNamed('nodes'),
  kindNamed('pods'),
  kindNamed('configmaps'),
  kindNamed('daemonsets', 'apps'),
];
const NAMESPACE = 'kube-flannel';
const prefix = 'flannel.alpha.coreos.com/';

export interface LabClusterOptions {
  /** Restarts the flanneld of a node, whose pod was deleted, with the ConfigMap's net-conf.json in its place; false: it never becomes ready. */
  readonly restart?: (node: string) => Promise<boolean>;
}

/** A lab as Kubernetes knows it: its nodes with flannel's annotations, ConfigMap, DaemonSet and pods, and an exec that enters the node. */
export class LabCluster implements AsyncDisposable {
  readonly api: ApiServer;
  readonly pki: Certificates;
  /** A kubeconfig of one who may do everything. */
  readonly config: string;
  readonly #place: ReturnType<typeof scratch>;
  readonly #lab: Lab;
  readonly #options: LabClusterOptions;
  #made = 0;

  private constructor(lab: Lab, options: LabClusterOptions, api: ApiServer, pki: Certificates) {
    this.#lab = lab;
    this.#options = options;
    this.api = api;
    this.pki = pki;
    this.#place = scratch();
    this.config = this.kubeconfig('admin', {token: 'sesame'});
  }

  static async of(lab: Lab, options: LabClusterOptions = {}): Promise<LabCluster> {
    const pki = makeCertificates();
    const api = new ApiServer({key: readFileSync(pki.key), cert: readFileSync(pki.cert), ca: readFileSync(pki.ca)});
    await api.start();
    api.users.push({name: 'admin', token: 'sesame'});
    const cluster = new LabCluster(lab, options, api, pki);
    const conf = (await runIn(lab, lab.nodes[0]!.name, 'cat /etc/kube-flannel/net-conf.json')).stdout;
    const {store} = api;
    store.create(configMaps, NAMESPACE, {
      metadata: {name: 'kube-flannel-cfg', labels: {app: 'flannel'}},
      data: {'cni-conf.json': '{\n  "name": "cbr0"\n}\n', 'net-conf.json': conf},
    });
    store.create(daemonSets, NAMESPACE, {
      metadata: {name: 'kube-flannel-ds', labels: {app: 'flannel'}},
      spec: {
        selector: {matchLabels: {app: 'flannel'}},
        updateStrategy: {type: 'RollingUpdate'},
        template: {metadata: {labels: {app: 'flannel'}}, spec: podSpec},
      },
      status: {desiredNumberScheduled: lab.nodes.length, numberReady: lab.nodes.length},
    });
    for (const node of lab.nodes) {
      store.create(nodes, undefined, nodeOf(node, lab));
      cluster.#flannelPod(node.name, true);
      for (const pod of node.pods)
        store.create(pods, 'default', {
          metadata: {name: pod.name},
          spec: {nodeName: node.name, containers: [{name: 'web', image: 'web'}]},
          status: {phase: 'Running', podIP: pod.ip, podIPs: [{ip: pod.ip}, ...(pod.ip6 ? [{ip: pod.ip6}] : [])]},
        });
    }
    api.exec = (pod, _container, [program = '', ...args]) => {
      const {nodeName} = pod['spec'] as {nodeName: string};
      const {pid} = lab.nodes.find((n) => n.name === nodeName)!;
      return spawn('nsenter', ['-t', String(pid), '-m', '-u', '-n', '-p', '--', program, ...args], {detached: true});
    };
    api.onPodDeleted = (pod) => void cluster.#replace(pod);
    return cluster;
  }

  kubeconfig(name: string, user: object, cluster: object = {}): string {
    return this.#place.write(name, kubeconfig({server: this.api.url, 'certificate-authority': this.pki.ca, ...cluster}, user));
  }

  #flannelPod(node: string, ready: boolean): KubeObject {
    const at = `${new Date().toISOString().slice(0, 19)}Z`;
    return this.api.store.create(pods, NAMESPACE, {
      metadata: {
        name: `kube-flannel-ds-${node}-${++this.#made}`,
        labels: {app: 'flannel'},
        ownerReferences: [{kind: 'DaemonSet', name: 'kube-flannel-ds'}],
      },
      spec: {...podSpec, nodeName: node},
      status: ready ? running(at) : {phase: 'Pending'},
    });
  }

  /** What the DaemonSet's controller, the kubelet and flanneld do when a pod was deleted. */
  async #replace(old: KubeObject): Promise<void> {
    const {nodeName} = old['spec'] as {nodeName: string};
    if (!old.metadata.ownerReferences?.some((o) => o.kind === 'DaemonSet')) return;
    const {store} = this.api;
    const pod = this.#flannelPod(nodeName, false);
    const text = (store.get(configMaps, NAMESPACE, 'kube-flannel-cfg')['data'] as {[key: string]: string})['net-conf.json']!;
    await runIn(this.#lab, nodeName, `cat >/etc/kube-flannel/net-conf.json <<'END'\n${text.replace(/\n$/, '')}\nEND`);
    if (!((await this.#options.restart?.(nodeName)) ?? true)) return;
    const mac = (await runIn(this.#lab, nodeName, 'cat /sys/class/net/flannel.1/address 2>/dev/null')).stdout.trim();
    const type = /"Type":\s*"([^"]+)"/.exec(text)?.[1] ?? '';
    const node = store.get(nodes, undefined, nodeName);
    node.metadata.annotations![`${prefix}backend-type`] = type;
    node.metadata.annotations![`${prefix}backend-data`] = type === 'vxlan' ? JSON.stringify({VNI: 1, VtepMAC: mac}) : 'null';
    store.update(nodes, undefined, nodeName, node);
    store.update(pods, NAMESPACE, pod.metadata.name, {
      ...store.get(pods, NAMESPACE, pod.metadata.name),
      status: running(`${new Date().toISOString().slice(0, 19)}Z`),
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.api[Symbol.asyncDispose]();
    this.#place[Symbol.dispose]();
  }
}

const podSpec = {
  hostNetwork: true,
  containers: [
    {
      name: 'kube-flannel',
      image: 'ghcr.io/flannel-io/flannel:v0.27.4',
      command: ['/opt/bin/flanneld'],
      args: ['--ip-masq', '--kube-subnet-mgr'],
      volumeMounts: [{name: 'flannel-cfg', mountPath: '/etc/kube-flannel/'}],
    },
  ],
  volumes: [{name: 'flannel-cfg', configMap: {name: 'kube-flannel-cfg'}}],
};

const running = (at: string): object => ({
  phase: 'Running',
  conditions: [{type: 'Ready', status: 'True'}],
  containerStatuses: [{name: 'kube-flannel', ready: true, restartCount: 0, state: {running: {startedAt: at}}}],
});

/** As flannel publishes a node of this lab. */
const nodeOf = (node: LabNode, {spec}: Lab): KubeObject => ({
  metadata: {
    name: node.name,
    labels: {'kubernetes.io/hostname': node.name},
    annotations: {
      [`${prefix}kube-subnet-manager`]: 'true',
      [`${prefix}backend-type`]: spec.backend,
      [`${prefix}backend-data`]: node.vtepMac === undefined ? 'null' : JSON.stringify({VNI: spec.vni, VtepMAC: node.vtepMac}),
      [`${prefix}public-ip`]: node.ip,
      ...(node.ip6 && {[`${prefix}public-ipv6`]: node.ip6}),
      ...(node.vtepMac6 && {[`${prefix}backend-v6-data`]: JSON.stringify({VNI: spec.vni, VtepMAC: node.vtepMac6})}),
    },
  },
  spec: {podCIDR: node.subnet, podCIDRs: [node.subnet, ...(node.subnet6 ? [node.subnet6] : [])]},
  status: {
    addresses: [
      {type: 'InternalIP', address: node.ip},
      {type: 'Hostname', address: node.name},
    ],
    conditions: [
      {type: 'Ready', status: 'True', reason: 'KubeletReady'},
      {type: 'NetworkUnavailable', status: 'False', reason: 'FlannelIsUp'},
    ],
  },
});
