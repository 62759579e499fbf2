import type {TransportOptions} from './index.js';
import {runProcess} from './run-process.js';
import type {NodeAddress, Transport} from './transport.js';

/** This machine is the node. */
export async function open({node}: NodeAddress, _options: TransportOptions, _signal: AbortSignal): Promise<Transport> {
  return {
    node,
    via: 'local',
    run: (script, args, {signal}) => runProcess('sh', ['-s', '--', ...args], script, {signal, via: 'local'}),
    async [Symbol.asyncDispose]() {},
  };
}
