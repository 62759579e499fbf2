import {Flags} from '@oclif/core';
import {Failure} from '../failure.js';
import type {OpenedRecords} from './sources/open-records.js';
import type {KubeReach} from './transports/index.js';
import type {NodeAddress, Via} from './transports/transport.js';

const ways = ['ssh', 'kube', 'debug'] as const;

/** How the nodes are reached: the same flags on every command that reads. */
export const viaFlags = {
  via: Flags.string({
    summary: 'how nodes are reached, in the order to try: ssh, kube (exec in the flannel pod), debug (exec in a pod made for it)',
    description: 'Default: as the inventory says; for the nodes of an API server kube, then debug when --debug-image is given, then ssh.',
    helpValue: 'WAY,WAY',
    multiple: true,
    delimiter: ',',
    options: [...ways],
    helpGroup: 'GATHERING',
    exclusive: ['snapshot'],
  }),
  'debug-image': Flags.string({
    summary: 'image for pods that see a whole node (sh and nsenter in it); they are privileged, and removed at the end',
    helpValue: 'IMAGE',
    helpGroup: 'GATHERING',
    exclusive: ['snapshot'],
  }),
};

export interface ViaFlags {
  readonly via?: readonly string[] | undefined;
  readonly 'debug-image'?: string | undefined;
}

export interface Ways {
  readonly addresses: readonly NodeAddress[];
  readonly kube?: KubeReach;
}

/**
 * The addresses with the ways to try on each, and what the ways through the API server need.
 * @param listed were the nodes named by flannel's records, and not by a person?
 * @throws Failure where a way is asked for that there is nothing to take
 */
export async function waysTo(
  addresses: readonly NodeAddress[],
  flags: ViaFlags,
  {opened, listed, notice}: {readonly opened: OpenedRecords | undefined; readonly listed: boolean; readonly notice: (m: string) => void},
): Promise<Ways> {
  const image = flags['debug-image'];
  const client = opened?.client;
  const usual: readonly Via[] = ['kube', ...(image === undefined ? [] : (['debug'] as const)), 'ssh'];
  const asked = ways.filter((way) => flags.via?.includes(way)).toSorted((a, b) => flags.via!.indexOf(a) - flags.via!.indexOf(b));
  const chosen: readonly Via[] = asked.length > 0 ? asked : listed && client ? usual : [];
  const [via, ...otherwise] = chosen;
  const ordered = via === undefined ? addresses : addresses.map((address) => ({...address, via, ...(otherwise.length > 0 && {otherwise})}));
  // Without --via, an inventory says of each node how it is reached.
  const taken = ordered.flatMap((address) => [address.via, ...(address.otherwise ?? [])].map((way) => ({way, node: address.node})));
  const of = (...wanted: readonly Via[]) => taken.find(({way}) => wanted.includes(way));
  const said = ({way, node}: (typeof taken)[number]): string =>
    via === undefined ? `node ${node} of the inventory: via ${way}` : `--via ${way}`;
  const through = of('kube', 'debug');
  const made = of('debug');
  if (through !== undefined && client === undefined) {
    throw new Failure(`${said(through)} goes through an API server, and none was named`, {hints: ['--kubeconfig FILE or --context NAME']});
  }
  if (made !== undefined && image === undefined) {
    throw new Failure(`${said(made)} needs an image`, {hints: ['--debug-image IMAGE, one that has sh and nsenter']});
  }
  if (image !== undefined && made === undefined) {
    throw new Failure('--debug-image is for --via debug, which is not among the ways', {hints: ['--via kube,debug']});
  }
  if (client === undefined || through === undefined) return {addresses: ordered};
  const {flannelPods = [], daemonSets = []} = opened!.records;
  const namespaces = [...new Set([...flannelPods, ...daemonSets].map(({namespace}) => namespace))];
  const reach: KubeReach = {client, flannelPods, namespaces};
  if (image === undefined) return {addresses: ordered, kube: reach};
  const {DebugPods} = await import('./transports/debug-pods.js');
  // Where flannel may run privileged pods, so may we.
  const namespace = namespaces[0] ?? 'kube-system';
  const debug = new DebugPods({client, image, namespace, notice});
  removeAtEnd(debug);
  return {addresses: ordered, kube: {...reach, debug}};
}

/**
 * However the command ends: when nothing is left to do (success, failure, the first ^C), and when we are told to go. A kill leaves the pods to
 * their deadline and to the next run.
 */
function removeAtEnd(pods: {removeAll(): Promise<void>}): void {
  process.once('beforeExit', () => void pods.removeAll());
  for (const [name, code] of [
    ['SIGTERM', 143],
    ['SIGHUP', 129],
  ] as const) {
    process.once(name, () => void pods.removeAll().finally(() => process.exit(code)));
  }
}
