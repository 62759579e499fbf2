import {access} from 'node:fs/promises';
import {resolve} from 'node:path';
import {Failure} from '../../failure.js';
import {namesEtcd, namesKubernetes, namesRecords, type RecordFlags} from '../record-flags.js';
import {findKubeConfig, hasKubeConfig, ownKubeConfig} from '../sources/kube-config.js';
import {openRecords} from '../sources/open-records.js';
import type {Found, Settings} from './text.js';

export interface InitFlags extends RecordFlags {
  readonly inventory?: string | undefined;
  readonly timeout: number;
}

/**
 * Looks for what flanctl can work with: what the flags name, else an API server as kubectl knows it or as k3s, RKE2, MicroK8s or kubeadm left
 * it on this machine, else this machine alone. What it finds is read,
 * so that nothing is written that does not work. @throws Failure when there is nothing, or it cannot be read
 */
export async function look(asked: InitFlags, signal: AbortSignal): Promise<Found> {
  if (asked.inventory !== undefined && !namesRecords(asked)) return fromInventory(asked.inventory);
  const known = namesRecords(asked) || (await hasKubeConfig());
  const own = known ? undefined : await ownKubeConfig();
  if (!known && own === undefined) return fromThisMachine();
  const flags = own === undefined ? asked : {...asked, kubeconfig: own};
  const [{records, addresses}, settings] = await Promise.all([
    openRecords(flags, {timeoutMs: flags.timeout * 1000, signal, wish: {}, optional: false}),
    sourceOf(flags),
  ]);
  const {netConf, from} = records;
  const listed = flags.inventory === undefined ? undefined : await fromInventory(flags.inventory);
  return {
    from,
    settings: {...settings, ...listed?.settings},
    mode: netConf?.parsed.ok ? netConf.parsed.conf.backendType : undefined,
    networks: netConf?.parsed.ok ? [netConf.parsed.conf.network, netConf.parsed.conf.ipv6Network].filter((n) => n !== undefined) : [],
    configuration: netConf?.where,
    nodes: listed?.nodes ?? addresses.map(({node, host}) => ({name: node, ...(host !== undefined && {host})})),
    gaps: records.gaps,
  };
}

async function fromInventory(file: string): Promise<Found> {
  const {readInventory} = await import('../sources/inventory.js');
  const {nodes} = await readInventory(file);
  return {from: `inventory ${file}`, settings: {inventory: resolve(file)}, nodes, networks: [], gaps: []};
}

async function fromThisMachine(): Promise<Found> {
  await access('/run/flannel/subnet.env').catch(() => {
    throw new Failure('nothing to begin with: there is no kubeconfig, and this machine runs no flannel', {
      hints: [
        '--kubeconfig FILE, with --context NAME when it has more than one',
        '--etcd-endpoints URL, where flannel keeps its leases in etcd',
        '--inventory FILE, a list of your nodes',
      ],
    });
  });
  const {hostname} = await import('node:os');
  return {from: 'this machine', settings: {local: true}, nodes: [{name: hostname()}], networks: [], gaps: []};
}

/**
 * What brings flanctl there again, wherever it is started: files by their whole path, and the context by its name, so that it stays the
 * same cluster when kubectl turns to another one.
 */
async function sourceOf(flags: RecordFlags): Promise<Settings> {
  const path = (key: 'etcd-cafile' | 'etcd-certfile' | 'etcd-keyfile') => (flags[key] === undefined ? undefined : resolve(flags[key]));
  const etcd: Settings = namesEtcd(flags)
    ? {
        'etcd-endpoints': flags['etcd-endpoints'],
        'etcd-prefix': flags['etcd-prefix'],
        'etcd-cafile': path('etcd-cafile'),
        'etcd-certfile': path('etcd-certfile'),
        'etcd-keyfile': path('etcd-keyfile'),
        'etcd-username': flags['etcd-username'],
      }
    : {};
  const {context, files} = namesEtcd(flags) && !namesKubernetes(flags) ? {context: undefined, files: []} : await findKubeConfig(flags);
  return {
    ...(context !== undefined && context !== 'in-cluster' && {kubeconfig: files.length === 1 ? resolve(files[0]!) : undefined, context}),
    ...etcd,
    'flannel-namespace': flags['flannel-namespace'],
    'flannel-configmap': flags['flannel-configmap'],
    'annotation-prefix': flags['annotation-prefix'],
  };
}
