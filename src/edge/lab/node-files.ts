import {mkdir, writeFile} from 'node:fs/promises';
import {dirname} from 'node:path';
import {hostOf, lengthOf} from '../../core/net/prefix.js';
import type {NodeFile} from './backends/backend.js';
import {backendOf} from './backends/index.js';
import {flannelMtu, podMtu} from './links.js';
import {type Lab, type LabNode, podNetwork, podNetwork6} from './topology.js';

/** The files that flannel and its manifests, or a cloud's agents, leave on a node, by path on the node (model/flannel-backends.md §5). */
export function nodeFiles(lab: Lab, node: LabNode): {readonly [path: string]: string} {
  const others = backendOf(lab.spec.backend).cloud?.files;
  return {
    ...(others?.(lab, node) ?? {
      '/run/flannel/subnet.env': subnetEnv(lab, node),
      '/etc/cni/net.d/10-flannel.conflist': json(conflistOf(lab)),
      '/etc/kube-flannel/net-conf.json': json(lab.netConf),
    }),
    '/etc/hostname': `${node.name}\n`,
    '/etc/hosts': ['127.0.0.1 localhost', '::1 localhost', ...lab.nodes.map((n) => `${n.ip} ${n.name}`), ''].join('\n'),
  };
}

const json = (value: unknown): string => `${JSON.stringify(value, null, 2)}\n`;

function conflistOf(lab: Lab) {
  const mtu = podMtu(lab);
  return {
    name: 'cbr0',
    cniVersion: '0.3.1',
    plugins: [
      {type: 'flannel', delegate: {hairpinMode: true, isDefaultGateway: true, ...(mtu !== flannelMtu(lab) && {mtu})}},
      {type: 'portmap', capabilities: {portMappings: true}},
    ],
  };
}

function subnetEnv(lab: Lab, node: LabNode): string {
  return [
    `FLANNEL_NETWORK=${podNetwork}`,
    `FLANNEL_SUBNET=${hostOf(node.subnet, 1)}/${lengthOf(node.subnet)}`,
    ...(node.subnet6 === undefined
      ? []
      : [`FLANNEL_IPV6_NETWORK=${podNetwork6}`, `FLANNEL_IPV6_SUBNET=${hostOf(node.subnet6, 1)}/${lengthOf(node.subnet6)}`]),
    `FLANNEL_MTU=${flannelMtu(lab)}`,
    'FLANNEL_IPMASQ=true',
    '',
  ].join('\n');
}

/** Where a node's files lie on this machine until its holder copies them in. */
export const nodeDir = (lab: Lab, node: LabNode): string => `${lab.dir}/nodes/${node.name}`;

/** Lays files below a node's folder, as the tree that its holder copies over the node's own /run and /etc. */
export async function stage(lab: Lab, node: LabNode, files: {readonly [path: string]: string | NodeFile}): Promise<void> {
  for (const [path, file] of Object.entries(files)) {
    const target = `${nodeDir(lab, node)}/files${path}`;
    await mkdir(dirname(target), {recursive: true});
    await writeFile(target, typeof file === 'string' ? file : file.text, {mode: typeof file === 'string' ? 0o644 : file.mode});
  }
}
