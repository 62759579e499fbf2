import type {Plan} from '../../core/change/plan.js';
import {ExitCode} from '../../exit-code.js';
import type {Reach} from '../evidence.js';
import type {ChangeReport} from '../reporters/documents.js';
import {heldBy} from './arm.js';
import type {ChangeOptions} from './change-options.js';
import {forceUnlock} from './force-unlock.js';
import {openAgents} from './node-agent.js';
import {remember} from './rollback.js';
import {unbegun} from './unbegun.js';

export interface Cleared {
  /** Of a change that is refused, since somebody else is at it. */
  readonly refused?: ChangeReport;
  /** How many yeses are left. */
  readonly yes: number;
}

/**
 * Before anything is read for a change: does somebody hold a node? What they are about would look like a fault. With force-unlock their hold
 * ends, after asking twice. What is left of a change that nobody is at any more does not stop one that has nothing to do with it: the lock of
 * each node decides when it is taken.
 * @throws Failure when it was not confirmed, TransportError when a node that is to be let go cannot be reached
 */
export async function clearTheWay(
  what: Plan['what'],
  reach: Reach,
  options: Pick<ChangeOptions, 'forceUnlock' | 'yes' | 'signal' | 'notice'>,
): Promise<Cleared> {
  const {forceUnlock: force, yes, signal, notice} = options;
  const agents = await openAgents(reach.addresses, {transport: reach.transport, timeoutMs: reach.timeoutMs});
  try {
    const remembered = await remember(agents, reach.concurrency);
    signal.throwIfAborted();
    if (force) {
      const lines = await forceUnlock(agents, remembered, {yes, signal});
      for (const line of lines) notice(line);
      return {yes: lines.length > 0 ? Math.max(0, yes - 2) : yes};
    }
    const held = [...remembered.journals].flatMap(([node, list]) =>
      list.flatMap(({header, guard}) => (guard.alive ? [heldBy(node, {kind: 'held', header, guard: 'alive'})] : [])),
    );
    if (held.length === 0) return {yes};
    const because = [...held, 'wait until it has ended; if nobody is at it any more, its timers end it, and --force-unlock does so now'];
    return {yes, refused: unbegun({what, title: what, outcome: 'refused', because, exit: ExitCode.findings})};
  } finally {
    await Promise.all([...agents.values()].map((agent) => agent[Symbol.asyncDispose]()));
  }
}
