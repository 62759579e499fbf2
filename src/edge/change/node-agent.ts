import {randomBytes} from 'node:crypto';
import {lasting, openTransport, type TransportOptions} from '../transports/index.js';
import {type NodeAddress, type Transport, TransportError} from '../transports/transport.js';
import type {NodeAgent, Progress} from './agent.js';
import {agentCall, agentScript, failedLine, stageName, stepFile} from './agent-script.js';
import {readHeader, readJournals} from './read-journals.js';
import {readOperations} from './read-operations.js';

export interface AgentOptions {
  readonly transport: TransportOptions;
  /** One call may take this long, connecting included; 20 000 ms unless told. What runs on the node by then goes on to the end of its step. */
  readonly timeoutMs?: number;
  /** Seconds between a node's undoing its own flips and its undoing the rest; as long as the timer unless told. */
  readonly graceSeconds?: number;
}

/** One agent a node. A connection is made at the first call, kept, and made again after it was lost. */
export async function openAgents(addresses: readonly NodeAddress[], options: AgentOptions): Promise<Map<string, NodeAgent>> {
  const script = await agentScript();
  // One word for all calls of this run of flanctl: another run that takes a change over shuts this one out.
  const owner = randomBytes(8).toString('hex');
  return new Map(addresses.map((address) => [address.node, nodeAgent(address, script, owner, options)]));
}

function nodeAgent(address: NodeAddress, script: string, owner: string, options: AgentOptions): NodeAgent {
  const {timeoutMs = 20_000} = options;
  let open: Promise<Transport> | undefined;
  let connecting = new AbortController();
  /** A connection that is still being made is given up; nobody waits for either. */
  const drop = (): Promise<void> => {
    const old = open;
    open = undefined;
    connecting.abort(new DOMException('given up', 'TimeoutError'));
    connecting = new AbortController();
    return old?.then((transport) => transport[Symbol.asyncDispose]()).catch(() => undefined) ?? Promise.resolve();
  };

  /** @returns the lines of the answer. @throws TransportError, also when there was no whole answer. */
  const call = async (words: readonly string[], payload?: string, patient = false): Promise<readonly string[]> => {
    const clock = new AbortController();
    const within = patient ? Math.max(timeoutMs, PATIENT_MS) : timeoutMs;
    const timer = setTimeout(() => clock.abort(new DOMException(`no answer in ${within / 1000} s`, 'TimeoutError')), within);
    try {
      open ??= openTransport(lasting(address), options.transport, connecting.signal);
      const transport = await Promise.race([open, aborted(clock.signal, address)]);
      const {stdout, stderr, code} = await transport.run(agentCall(script, payload), words, {signal: clock.signal});
      const lines = stdout.toString().trimEnd().split('\n');
      if (code === 0 && lines[0] !== '') return lines;
      const said = stderr.trim().slice(0, 300) || (code === undefined ? 'it was cut off' : `sh ended with ${code}`);
      throw new TransportError({kind: code === undefined ? 'truncated' : 'exec', message: `${address.node}: ${words[0]}: ${said}`});
    } catch (error) {
      void drop();
      throw error;
    } finally {
      clearTimeout(timer);
    }
  };
  const unexpected = (command: string, lines: readonly string[]): never => {
    throw new TransportError({kind: 'protocol', message: `${address.node}: ${command} was answered with ${lines.join(' ').slice(0, 200)}`});
  };

  return {
    node: address.node,
    async arm(header, ttl, progress: Progress | 'keep' = 'applying') {
      const grace = options.graceSeconds ?? ttl;
      const payload = `${JSON.stringify(header)}\n${script}end`;
      const words = ['arm', header.id, owner, String(ttl), String(grace), progress === 'keep' ? '-' : progress];
      const lines = await call(words, payload);
      const [verdict, ...rest] = lines[0]!.split(' ');
      if (verdict === 'armed') return {kind: 'armed'};
      if (verdict === 'refused') return {kind: 'refused', why: rest.join(' ')};
      if (verdict !== 'held') return unexpected('arm', lines);
      return {kind: 'held', header: readHeader(lines[1] ?? ''), guard: rest[0] === 'gone' ? 'gone' : 'alive'};
    },
    async extend(id, ttl, progress) {
      return (await call(['extend', id, owner, String(ttl), progress]))[0] === 'extended';
    },
    async run(id, step) {
      const [verdict, ...said] = await call(
        ['run', id, owner, stageName(step.stage)],
        stepFile(step),
        step.phase === 'control' || step.slow === true,
      );
      if (verdict === 'done') return {kind: 'done'};
      if (verdict === 'expired') return {kind: 'expired'};
      const [word, batch = ''] = verdict!.split(' ');
      if (word !== 'failed') return unexpected('run', [verdict!, ...said]);
      const runs = step.run.filter((b) => b.lines.length > 0);
      return {kind: 'failed', why: failedLine(runs[Number(batch)], said.join('\n'))};
    },
    async undo(id, stages, again = false, patient = false) {
      const words = ['undo', id, owner, ...(again ? ['again'] : []), ...stages.map(stageName)];
      const lines = await call(words, undefined, patient);
      if (lines.at(-1) === 'expired') return {failed: ['another run of flanctl has taken the change over']};
      if (lines.at(-1) !== 'undone') return unexpected('undo', lines);
      return {failed: lines.filter((l) => l.startsWith('failed ')).map((l) => l.slice('failed '.length))};
    },
    async journals() {
      const lines = await call(['journals', '-', owner]);
      if (lines.at(-1) !== 'end') return unexpected('journals', lines);
      return readJournals(lines.join('\n'));
    },
    async operations(id) {
      const lines = await call(['operations', id, owner]);
      if (lines.at(-1) !== 'end') return unexpected('operations', lines);
      return readOperations(address.node, lines.slice(0, -1));
    },
    async finish(id, outcome) {
      const lines = await call(['finish', id, owner, outcome]);
      if (lines.at(-1) !== 'finished') unexpected('finish', lines);
    },
    async unlock() {
      const lines = await call(['unlock', '-', owner]);
      if (lines.at(-1) !== 'end') return unexpected('unlock', lines);
      return lines.filter((l) => l.startsWith('unlocked ')).map((l) => l.slice('unlocked '.length));
    },
    [Symbol.asyncDispose]: drop,
  };
}

/** Restarting flanneld takes its time. */
const PATIENT_MS = 120_000;

function aborted(signal: AbortSignal, {node}: NodeAddress): Promise<never> {
  return new Promise((_, reject) => {
    const late = (): void => reject(new TransportError({kind: 'timeout', message: `${node}: cannot be reached in time`}));
    if (signal.aborted) late();
    else signal.addEventListener('abort', late, {once: true});
  });
}
