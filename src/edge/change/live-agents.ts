import {Failure} from '../../failure.js';
import {type EvidenceFlags, type EvidenceOptions, openEvidence, type Reach} from '../evidence.js';
import {namesRecords} from '../record-flags.js';
import type {KubeClient} from '../sources/kube-client.js';
import type {NodeAgent} from './agent.js';
import {savedChange, savedIds} from './local-journal.js';
import {openOperated} from './operator-of.js';

export interface LiveAgents extends AsyncDisposable {
  readonly agents: ReadonlyMap<string, NodeAgent>;
  readonly reach: Reach;
  readonly from: string;
}

/**
 * Agents of the nodes that the flags name; where they name none, of the nodes that this machine's journal has for the change (the newest
 * without an id): who has just seen a change fail need not say again where.
 * @throws Failure when there is no such source, or it is a snapshot.
 */
export async function liveAgents(flags: EvidenceFlags, options: EvidenceOptions, id?: string): Promise<LiveAgents> {
  const named = [flags.snapshot, flags.inventory, flags.lab].some((f) => f !== undefined) || flags.local === true || namesRecords(flags);
  const known = named ? undefined : (id ?? (await savedIds())[0]);
  const saved = known === undefined ? undefined : await savedChange(known);
  const {reach, from} = saved
    ? {
        from: `this machine's journal of ${saved.header.id}`,
        reach: {
          ...(saved.kube && {client: await clientOf(saved.kube, flags.timeout * 1000), kube: saved.kube}),
          addresses: saved.addresses,
          timeoutMs: flags.timeout * 1000,
          concurrency: flags.concurrency,
          transport: {
            sshHostKeys: flags['ssh-host-keys'],
            notice: options.notice,
            ...((flags['ssh-config'] ?? saved.sshConfig) !== undefined && {sshConfig: (flags['ssh-config'] ?? saved.sshConfig)!}),
          },
        },
      }
    : await openEvidence(flags, options);
  if (!reach) throw new Failure('a snapshot cannot be changed', {hints: ['--inventory FILE or --lab NAME name live nodes']});
  if (saved) options.notice(`nodes as in ${from}`);
  const agents = await openOperated(reach, options.notice);
  return {
    agents,
    reach,
    from,
    async [Symbol.asyncDispose]() {
      await Promise.all([...agents.values()].map((agent) => agent[Symbol.asyncDispose]()));
    },
  };
}

/** As the change was begun with; opened only where it had an API server. */
async function clientOf(kube: NonNullable<Reach['kube']>, timeoutMs: number): Promise<KubeClient> {
  const {kubeClient} = await import('../sources/kube-client.js');
  return kubeClient({...kube, timeoutMs});
}
