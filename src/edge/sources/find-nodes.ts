import {access} from 'node:fs/promises';
import type {Inventory} from '../../core/model/inventory.js';
import {Failure} from '../../failure.js';
import type {EvidenceFlags, EvidenceOptions} from '../evidence.js';
import {namesRecords} from '../record-flags.js';
import type {NodeAddress} from '../transports/transport.js';
import {addressesOf} from './addresses.js';
import type {OpenedRecords} from './open-records.js';

/** Who is in the cluster, and how each is reached; an inventory, flannel's records, or both. */
export interface Nodes {
  /** For people. */
  readonly from: string;
  readonly addresses: readonly NodeAddress[];
  readonly inventory?: Inventory;
  readonly opened?: OpenedRecords;
}

/**
 * The first that is given, else the first that is found; which one is said. An inventory and records may be given together: then the
 * inventory says who is there and how to get there. @throws Failure when there is none, or it cannot be read
 */
export async function findNodes(flags: EvidenceFlags, options: EvidenceOptions): Promise<Nodes> {
  const named = await namedInventory(flags);
  if (namesRecords(flags)) {
    const opened = await opening(flags, options, named !== undefined);
    const records = opened.records.from;
    if (!named) return {opened, from: records, addresses: listedBy(opened)};
    for (const {what, why} of opened.records.gaps.filter((gap) => gap.what === 'records')) options.notice(`no ${what}: ${why}`);
    return {...named, opened, from: `${named.from}, records of ${records}`};
  }
  if (named) return named;
  const {hasKubeConfig} = await import('./kube-client.js');
  if (await hasKubeConfig()) {
    const opened = await opening(flags, options, false);
    options.notice(`no source was named: ${opened.records.from} of your kubeconfig`);
    return {opened, from: opened.records.from, addresses: listedBy(opened)};
  }
  if (
    await access('/run/flannel/subnet.env').then(
      () => true,
      () => false,
    )
  ) {
    options.notice('no source was named: reading this machine, which has /run/flannel/subnet.env');
    return listing(await thisMachine(), 'this machine');
  }
  throw new Failure('nothing to look at: no source was named, there is no kubeconfig, and this machine runs no flannel', {
    hints: [
      '--inventory FILE for your nodes over SSH',
      '--kubeconfig FILE for the nodes of an API server, --etcd-endpoints URL for those that etcd has leases of',
      '--snapshot FILE|DIR for evidence taken earlier',
      '--lab NAME for a lab (flanctl lab up)',
      '--local for this machine',
    ],
  });
}

// Schema and YAML only for a file: a lab knows its nodes.
async function namedInventory(flags: EvidenceFlags): Promise<Nodes | undefined> {
  if (flags.inventory !== undefined) {
    const {readInventory} = await import('./inventory.js');
    return listing(await readInventory(flags.inventory), `inventory ${flags.inventory}`);
  }
  if (flags.lab !== undefined) {
    const [{loadLab}, {inventoryOf}] = await Promise.all([import('../lab/state.js'), import('../lab/inventory.js')]);
    return listing(inventoryOf(await loadLab(flags.lab)), `lab ${flags.lab}`);
  }
  return flags.local ? listing(await thisMachine(), 'this machine') : undefined;
}

const listing = (inventory: Inventory, from: string): Nodes => ({inventory, from, addresses: addressesOf(inventory)});

function listedBy({records, addresses}: OpenedRecords): readonly NodeAddress[] {
  if (addresses.length === 0) throw new Failure(`${records.from} lists no node`);
  return addresses;
}

async function opening(flags: EvidenceFlags, {signal, records = {}}: EvidenceOptions, optional: boolean): Promise<OpenedRecords> {
  const {openRecords} = await import('./open-records.js');
  return openRecords(flags, {timeoutMs: flags.timeout * 1000, signal, wish: records, optional});
}

async function thisMachine(): Promise<Inventory> {
  const {hostname} = await import('node:os');
  return {source: 'this machine', nodes: [{name: hostname(), via: 'local'}]};
}
