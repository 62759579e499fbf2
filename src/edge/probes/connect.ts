import type {Reach} from '../evidence.js';
import {entering, openTransport} from '../transports/index.js';
import {type Transport, TransportError} from '../transports/transport.js';

/** A new connection to a node. @throws TransportError */
export type Connect = (node: string, signal: AbortSignal) => Promise<Transport>;

/** By the way that the node was read, or the next that gets into its pods. */
export const connectBy =
  ({addresses, transport}: Pick<Reach, 'addresses' | 'transport'>): Connect =>
  async (node, signal) => {
    const address = addresses.find((one) => one.node === node);
    if (!address) throw new TransportError({kind: 'connect', message: `nobody said how ${node} is reached`});
    return openTransport(entering(address), transport, signal);
  };
