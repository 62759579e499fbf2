import {Failure} from '../../failure.js';
import {lasting, openTransport, type TransportOptions} from '../transports/index.js';
import {type NodeAddress, type Transport, TransportError} from '../transports/transport.js';
import type {Runner} from './mesh.js';

/**
 * A connection to each node for probes, beside the agents' own: a ping that takes its time must not hold up a step. Made at the first
 * script, kept, and made again after it was lost.
 * @throws Failure where a node is reached by nothing that a change can go by
 */
export function openRunners(given: readonly NodeAddress[], options: TransportOptions): ReadonlyMap<string, Runner> & AsyncDisposable {
  const addresses = given.map(changeable);
  const open = new Map<string, Promise<Transport>>();
  const close = async (node: string): Promise<void> => {
    const old = open.get(node);
    open.delete(node);
    await old?.then((transport) => transport[Symbol.asyncDispose]()).catch(() => undefined);
  };
  const runner = (address: NodeAddress): Runner => ({
    node: address.node,
    async run(script, args, {signal}) {
      let held = open.get(address.node);
      if (held === undefined) {
        // Not the caller's signal: the connection outlives this script.
        held = openTransport(address, options, new AbortController().signal);
        open.set(address.node, held);
      }
      try {
        const transport = await Promise.race([held, aborted(signal, address.node)]);
        return await transport.run(script, args, {signal});
      } catch (error) {
        if (open.get(address.node) === held) await close(address.node);
        throw error;
      }
    },
  });
  return Object.assign(new Map(addresses.map((address) => [address.node, runner(address)])), {
    async [Symbol.asyncDispose]() {
      await Promise.all([...open.keys()].map(close));
    },
  });
}

/** @throws Failure where a node is reached by nothing that a change can go by: known before anything is planned, let alone run */
function changeable(address: NodeAddress): NodeAddress {
  try {
    return lasting(address);
  } catch (error) {
    if (!(error instanceof TransportError)) throw error;
    const {message, hint} = error.failure;
    throw new Failure(message, {hints: hint === undefined ? [] : [hint], cause: error});
  }
}

function aborted(signal: AbortSignal, node: string): Promise<never> {
  return new Promise((_, reject) => {
    const give = (): void => reject(new TransportError({kind: 'timeout', message: `${node}: cannot be reached in time`}));
    if (signal.aborted) give();
    else signal.addEventListener('abort', give, {once: true});
  });
}
