import {stat} from 'node:fs/promises';
import type {TransportOptions} from './index.js';
import {runProcess} from './run-process.js';
import {type NodeAddress, type Transport, TransportError} from './transport.js';

/**
 * A node of the lab: a process whose mount, UTS, network and pid namespaces are the node's.
 * @throws TransportError `connect` when there is no such process.
 */
export async function open({node, pid}: NodeAddress, _options: TransportOptions, _signal: AbortSignal): Promise<Transport> {
  const hint = 'The lab was taken down or the machine was restarted: flanctl lab list shows what runs.';
  if (pid === undefined || !Number.isInteger(pid) || pid < 1) {
    throw new TransportError({kind: 'connect', message: `${node}: its entry names no pid`, hint});
  }
  const via = `netns (pid ${pid})`;
  const alive = await stat(`/proc/${pid}/ns/net`).catch(() => undefined);
  if (!alive) throw new TransportError({kind: 'connect', message: `${node}: no process has pid ${pid}`, hint});
  const enter = ['-t', String(pid), '-m', '-u', '-n', '-p', '--', 'sh', '-s', '--'];
  return {
    node,
    via,
    run: (script, args, {signal}) => runProcess('nsenter', [...enter, ...args], script, {signal, via}),
    async [Symbol.asyncDispose]() {},
  };
}
