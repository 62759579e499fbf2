import {access, readFile} from 'node:fs/promises';
import {resolve} from 'node:path';
import {Flags} from '@oclif/core';
import {withEnv} from '../base-command.js';
import type {Given} from '../core/model/cluster.js';
import type {NodeDump} from '../core/node/dump.js';
import {compare} from '../core/rules/fold.js';
import {Failure} from '../failure.js';
import {asksCloud, type CloudFlags, cloudFiles, cloudFlags} from './cloud-flags.js';
import type {Dumps} from './diagnose.js';
import {type RecordFlags, recordFlags} from './record-flags.js';
import type {OpenedCloud} from './sources/cloud/open.js';
import type {KubeClient} from './sources/kube-client.js';
import type {RecordWish} from './sources/open-records.js';
import type {RecordFiles} from './sources/record-files.js';
import type {TransportOptions} from './transports/index.js';
import type {NodeAddress} from './transports/transport.js';
import {type ViaFlags, viaFlags, waysTo} from './via-flags.js';

/** Where the evidence comes from and how: the same flags on every command that reads. */
export const evidenceFlags = withEnv({
  snapshot: Flags.string({
    summary: 'read a snapshot instead of live nodes',
    helpValue: 'FILE|DIR',
    helpGroup: 'SOURCE',
    exclusive: ['inventory', 'lab', 'local'],
  }),
  inventory: Flags.string({summary: 'nodes and how to reach them', helpValue: 'FILE', helpGroup: 'SOURCE', exclusive: ['lab', 'local']}),
  lab: Flags.string({summary: 'the nodes of a lab on this machine', helpValue: 'NAME', helpGroup: 'SOURCE', exclusive: ['local']}),
  local: Flags.boolean({summary: 'this machine only', helpGroup: 'SOURCE'}),
  ...recordFlags,
  ...cloudFlags,
  'net-conf': Flags.string({summary: "flannel's net-conf.json, when the nodes do not have it", helpValue: 'FILE', helpGroup: 'SOURCE'}),
  pods: Flags.option({
    summary: 'which pod namespaces to look into; path: those named with --pod',
    options: ['none', 'path', 'all'] as const,
    default: 'all',
    helpGroup: 'GATHERING',
  })(),
  pod: Flags.string({
    summary: 'with --pods path: a pod, by name or address',
    helpValue: 'POD',
    multiple: true,
    delimiter: ',',
    helpGroup: 'GATHERING',
  }),
  timeout: Flags.integer({
    summary: 'seconds one node may take, connection included',
    default: 20,
    min: 1,
    max: 3600,
    helpGroup: 'GATHERING',
  }),
  concurrency: Flags.integer({
    summary: 'nodes read at the same time',
    helpValue: 'N',
    default: 32,
    min: 1,
    max: 1024,
    helpGroup: 'GATHERING',
  }),
  ...viaFlags,
  'ssh-config': Flags.string({summary: 'ssh_config to use instead of your own', helpValue: 'FILE', helpGroup: 'GATHERING'}),
  'ssh-host-keys': Flags.option({
    summary: 'what to do with a host key that is not in known_hosts; a changed key is always refused',
    options: ['strict', 'accept-new'] as const,
    default: 'strict',
    helpGroup: 'GATHERING',
  })(),
});

export interface EvidenceFlags extends RecordFlags, CloudFlags, ViaFlags {
  readonly snapshot?: string | undefined;
  readonly inventory?: string | undefined;
  readonly lab?: string | undefined;
  readonly local?: boolean | undefined;
  readonly 'net-conf'?: string | undefined;
  readonly pods: 'none' | 'path' | 'all';
  readonly pod?: readonly string[] | undefined;
  readonly timeout: number;
  readonly concurrency: number;
  readonly 'ssh-config'?: string | undefined;
  readonly 'ssh-host-keys': 'strict' | 'accept-new';
}

/** The evidence of one run: dumps that can be walked twice, and the records that came with them. */
export interface Evidence extends Dumps {
  /** For people: `snapshot cluster.ndjson.br`, `lab demo`, `inventory nodes.yaml`. */
  readonly from: string;
  readonly given: Given;
  readonly live: boolean;
  /** flannel's records as they were read, for a snapshot to keep. */
  readonly files?: RecordFiles;
  /** How the nodes of a live source are reached again, to look at them once more or to change them; absent for snapshots. */
  readonly reach?: Reach;
}

export interface Reach {
  readonly addresses: readonly NodeAddress[];
  readonly transport: TransportOptions;
  /** As the flags ask: for one node in milliseconds, and how many at a time. */
  readonly timeoutMs: number;
  readonly concurrency: number;
  /** The API server, where the records came from one. */
  readonly client?: KubeClient;
  /** How it was named: for a rollback that is told nothing. */
  readonly kube?: {readonly kubeconfig?: string; readonly context?: string};
}

export interface EvidenceOptions {
  readonly signal: AbortSignal;
  readonly quiet: boolean;
  readonly notice: (message: string) => void;
  /** What is wanted of the cluster's records beside flannel's own. */
  readonly records?: RecordWish;
}

/** @throws Failure when `--node` names one that is not there. */
export function checkNodes(asked: readonly string[] | undefined, names: readonly string[]): void {
  const missing = asked?.find((name) => !names.includes(name));
  if (missing === undefined) return;
  throw new Failure(`--node: no such node: ${missing}`, {hints: [`nodes: ${names.toSorted(compare).join(', ')}`]});
}

/** Opens what the flags name; nothing is gathered before the first walk. @throws Failure when it is not there or none is named. */
export async function openEvidence(flags: EvidenceFlags, options: EvidenceOptions): Promise<Evidence> {
  if ((flags.pods === 'path') !== (flags.pod !== undefined && flags.pod.length > 0)) {
    throw new Failure('--pods path and --pod belong together', {hints: ['--pods path --pod n1-p1 --pod 10.244.2.2']});
  }
  const netConf = flags['net-conf'] === undefined ? undefined : await readJson(flags['net-conf']);
  if (flags.snapshot !== undefined) return openSnapshot(flags.snapshot, flags, netConf, options);
  const {findNodes} = await import('./sources/find-nodes.js');
  const {inventory, opened, addresses: found, from} = await findNodes(flags, options);
  const {addresses, kube} = await waysTo(found, flags, {opened, listed: inventory === undefined, notice: options.notice});
  const sshConfig = flags['ssh-config'] ?? inventory?.ssh?.config;
  const transport: TransportOptions = {
    sshHostKeys: flags['ssh-host-keys'],
    notice: options.notice,
    ...(sshConfig !== undefined && {sshConfig}),
    ...(kube && {kube}),
  };
  const reach: Reach = {
    addresses,
    transport,
    timeoutMs: flags.timeout * 1000,
    concurrency: flags.concurrency,
    ...(opened?.client && {client: opened.client, kube: namedBy(flags)}),
  };
  const cloud = await cloudOf(flags, {}, options.signal);
  let gathered: readonly NodeDump[] | undefined;
  return {
    from,
    live: true,
    reach,
    given: {
      ...(inventory && {inventory}),
      ...(opened && {records: opened.records}),
      ...(netConf !== undefined && {netConf}),
      ...(cloud && {cloud: cloud.cloud}),
    },
    ...((opened || cloud) && {files: {...opened?.files, ...cloud?.files}}),
    async *nodes() {
      if (gathered === undefined) {
        const {gatherWithProgress} = await import('./gather/progress.js');
        gathered = await gatherWithProgress(
          addresses,
          {
            pods: flags.pods === 'path' ? (flags.pod ?? []) : flags.pods,
            timeoutMs: reach.timeoutMs,
            concurrency: reach.concurrency,
            signal: options.signal,
            transport,
          },
          options,
        );
      }
      yield* gathered;
    },
  };
}

async function openSnapshot(path: string, flags: EvidenceFlags, netConf: unknown, {notice, signal}: EvidenceOptions): Promise<Evidence> {
  const {readSnapshot} = await import('./snapshots/read.js');
  await access(path).catch((error: NodeJS.ErrnoException) => {
    throw new Failure(`--snapshot: cannot read ${path}: ${error.code === 'ENOENT' ? 'no such file or folder' : error.message}`, {
      hints: ['flanctl gather -f FILE takes a snapshot'],
    });
  });
  const snapshot = await readSnapshot(path);
  for (const line of snapshot.notices ?? []) notice(line);
  const text = snapshot.extras['inventory.yaml'];
  const inventory =
    text === undefined ? undefined : (await import('./sources/inventory.js')).parseInventory(text, `${path}/inventory.yaml`);
  const files = Object.fromEntries(Object.entries(snapshot.extras).filter(([name]) => name.endsWith('.json')));
  const cloud = await cloudOf(flags, files, signal);
  const kept = Object.keys(files).length > 0;
  const records = kept ? (await import('./sources/record-files.js')).recordsOfFiles(files, flags) : undefined;
  return {
    from: `snapshot ${path}${records ? `, records of ${records.from}` : ''}`,
    live: false,
    ...((kept || cloud) && {files: {...files, ...cloud?.files}}),
    given: {
      ...(netConf !== undefined && {netConf}),
      ...(inventory && {inventory}),
      ...(records && {records}),
      ...(cloud && {cloud: cloud.cloud}),
    },
    nodes: () => snapshot.nodes(),
  };
}

/** What the cloud says, where it was asked or something of it was kept. */
async function cloudOf(flags: CloudFlags, kept: RecordFiles, signal: AbortSignal): Promise<OpenedCloud | undefined> {
  if (!asksCloud(flags) && !Object.values(cloudFiles).some((name) => name in kept)) return undefined;
  return (await import('./sources/cloud/open.js')).openCloud(flags, kept, signal);
}

async function readJson(file: string): Promise<unknown> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    throw new Failure(`--net-conf: cannot read ${file}: ${error instanceof Error ? error.message : String(error)}`);
  }
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new Failure(`--net-conf: ${file} is not JSON: ${error instanceof Error ? error.message : String(error)}`, {
      hints: ['It is what flannel has as net-conf.json: {"Network": "10.244.0.0/16", "Backend": {"Type": "vxlan"}}'],
    });
  }
}

const namedBy = ({kubeconfig, context}: RecordFlags): NonNullable<Reach['kube']> => ({
  ...(kubeconfig !== undefined && {kubeconfig: resolve(kubeconfig)}),
  ...(context !== undefined && {context}),
});
