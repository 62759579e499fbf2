import {type ChildProcess, spawn} from 'node:child_process';
import {join} from 'node:path';
import {createInterface} from 'node:readline';
import {must} from '../../src/edge/lab/shell.js';
import type {Lab} from '../../src/edge/lab/topology.js';

/**
 * The independent witness of a change: it shares no code with the ledger and asks flanctl nothing. One process a node sends numbered
 * datagrams from the node's first pod to the first pod of every other node, with a TCP stream beside each; what is missing, late or
 * twice is seen at the receiving end only. The kernel's own counters are read before and after.
 */
export interface WitnessOptions {
  /** Datagrams a second for each ordered pair of nodes and family. */
  readonly rate?: number;
  /** Bytes of UDP payload; sent with DF. */
  readonly size?: number;
  /** The largest TCP segment, bytes; undefined: what the MTU gives. */
  readonly segment?: number;
  /** Long TCP streams from each node's own network to the pods of the others, beside those from pod to pod. */
  readonly hosts?: boolean;
}

interface Way {
  readonly id: number;
  readonly from: string;
  readonly to: string;
  readonly family: 4 | 6;
}

export interface FlowSeen extends Way {
  readonly sent: number;
  readonly received: number;
  readonly lost: number;
  readonly reordered: number;
  readonly duplicated: number;
  /** Sends that the kernel refused (no route, ICMP error); they are among the lost. */
  readonly refused: number;
  /** The first runs of lost numbers, both ends included; a number over the rate is the second at which it was sent. */
  readonly runs: readonly (readonly [number, number])[];
}

export interface StreamSeen extends Way {
  readonly sent: number;
  readonly received: number;
  /** Every byte was the right one. */
  readonly intact: boolean;
  /** `whole`, the error of either end, or `hung`: nothing came any more. */
  readonly end: string;
  readonly retransmits: number | null;
  /** Longest time without news at the receiver, seconds: for people, never for an assertion. */
  readonly pause: number;
}

export interface Testimony {
  readonly seconds: number;
  readonly flows: readonly FlowSeen[];
  readonly streams: readonly StreamSeen[];
  /** What the kernel counted meanwhile, node by node and pod by pod: only what is not 0. */
  readonly counters: {readonly [place: string]: {readonly [name: string]: number}};
  /** Datagrams that reached a receiver and found its buffer full: above 0 the witness itself has failed. */
  readonly deaf: number;
}

/** Counters that rise when a packet is lost in the network's own code. */
const counted = [
  'TcpExtIPReversePathFilter',
  'IpExtInNoRoutes',
  'IpInAddrErrors',
  'IpInHdrErrors',
  'IpInDiscards',
  'IpOutNoRoutes',
  'IpOutDiscards',
  'IpFragFails',
  'Ip6InNoRoutes',
  'Ip6InAddrErrors',
  'Ip6InDiscards',
  'Ip6OutDiscards',
  'Ip6OutNoRoutes',
  'UdpRcvbufErrors',
  'Udp6RcvbufErrors',
] as const;

type Counters = {readonly [name: string]: number};

/** /proc/net/snmp and netstat are pairs of lines, names and values; snmp6 is a name and a value a line. */
function countersOf(text: string): Counters {
  const found: {[name: string]: number} = {};
  const lines = text.split('\n');
  for (let i = 0; i < lines.length; i++) {
    const pair = /^(\w+): (.*)$/.exec(lines[i]!);
    if (pair) {
      const values = lines[++i]!.split(' ').slice(1);
      pair[2]!.split(' ').forEach((name, at) => {
        found[pair[1]! + name] = Number(values[at]);
      });
    } else {
      const [name, value] = lines[i]!.split(/\s+/);
      if (name && value !== undefined) found[name] = Number(value);
    }
  }
  return Object.fromEntries(counted.map((name) => [name, found[name] ?? 0]));
}

async function readCounters(lab: Lab): Promise<ReadonlyMap<string, Counters>> {
  const places = lab.nodes.flatMap((node) => [[node.name, node.netns] as const, ...node.pods.map((pod) => [pod.name, pod.netns] as const)]);
  return new Map(
    await Promise.all(
      places.map(async ([name, netns]) => {
        const files = ['/proc/net/snmp', '/proc/net/netstat', '/proc/net/snmp6'];
        return [name, countersOf(await must(['nsenter', `--net=/run/netns/${netns}`, 'cat', ...files]))] as const;
      }),
    ),
  );
}

class Part {
  readonly #child: ChildProcess;
  readonly #lines: AsyncIterator<string>;
  #error = '';
  constructor(config: object) {
    this.#child = spawn('python3', [join(import.meta.dirname, 'witness.py'), JSON.stringify(config)], {stdio: ['pipe', 'pipe', 'pipe']});
    this.#child.stderr!.on('data', (chunk: Buffer) => {
      this.#error += chunk.toString();
    });
    this.#lines = createInterface({input: this.#child.stdout!})[Symbol.asyncIterator]();
  }
  say(line: string): void {
    this.#child.stdin!.write(`${line}\n`);
  }
  async hear<T>(): Promise<T> {
    const line = await this.#lines.next();
    if (line.done) throw new Error(`the witness ended: ${this.#error}`);
    return JSON.parse(line.value) as T;
  }
  async ask<T>(line: string): Promise<T> {
    this.say(line);
    return this.hear<T>();
  }
  end(): void {
    if (this.#child.exitCode === null) this.#child.kill('SIGKILL');
  }
}

const PORT = 7007;

export interface Witness extends AsyncDisposable {
  /** Ends sending, waits for what is under way, and tells what was seen. */
  stop(): Promise<Testimony>;
}

/** Begins to watch: returns once every path has been walked once and datagrams flow. */
export async function witness(lab: Lab, {rate = 1000, size = 64, segment, hosts = false}: WitnessOptions = {}): Promise<Witness> {
  const families = lab.spec.dualStack ? ([4, 6] as const) : ([4] as const);
  const ends = lab.nodes.map((node) => ({node, pod: node.pods[0]!}));
  const address = (pod: (typeof ends)[number]['pod'], family: 4 | 6): string => (family === 4 ? pod.ip : pod.ip6!);
  let id = 0;
  const pairs = families.flatMap((family) =>
    ends.flatMap((a) => ends.filter((b) => b !== a).map((b) => ({id: id++, family, a, b, from: a.pod.name, to: b.pod.name}))),
  );
  const fromHosts = hosts ? pairs.map((pair) => ({...pair, id: id++, from: pair.a.node.name})) : [];
  const parts = ends.map(
    ({node, pod}, slot) =>
      new Part({
        slot,
        rate,
        size,
        ...(segment !== undefined && {segment}),
        port: PORT,
        servers: families.map((family) => ({netns: pod.netns, family, address: address(pod, family)})),
        flows: pairs
          .filter((p) => p.a.node === node)
          .map((p) => ({id: p.id, netns: pod.netns, family: p.family, from: address(pod, p.family), to: address(p.b.pod, p.family)})),
        streams: [...pairs, ...fromHosts]
          .filter((p) => p.a.node === node)
          .map((p) => ({id: p.id, netns: p.from === node.name ? node.netns : pod.netns, family: p.family, to: address(p.b.pod, p.family)})),
      }),
  );
  const dispose = async (): Promise<void> => {
    for (const part of parts) part.end();
  };
  try {
    await Promise.all(parts.map((part) => part.hear()));
    const connected = await Promise.all(parts.map((part) => part.ask<{connected: [number, string | null][]}>('connect')));
    const failed = connected.flatMap((c) => c.connected).filter(([, why]) => why !== null);
    if (failed.length > 0) throw new Error(`the witness cannot connect: ${JSON.stringify(failed)}`);
  } catch (error) {
    await dispose();
    throw error;
  }
  const before = await readCounters(lab);
  const began = Date.now();
  for (const part of parts) part.say('go');
  const stop = async (): Promise<Testimony> => {
    type Sent = {sent: {[flow: string]: number}; refused: {[flow: string]: number}; wrote: {[stream: string]: number}};
    const told = await Promise.all(parts.map((part) => part.ask<Sent>('stop')));
    const seconds = (Date.now() - began) / 1000;
    const [sent, refused, wrote] = (['sent', 'refused', 'wrote'] as const).map((key) => Object.assign({}, ...told.map((t) => t[key])));
    type Heard = {
      flows: {[flow: string]: Pick<FlowSeen, 'received' | 'lost' | 'reordered' | 'duplicated' | 'runs'>};
      streams: {[stream: string]: {received: number; wrong: number | null; end: string | null; pause: number}};
      clients: {[stream: string]: {error: string | null; retransmits: number | null}};
    };
    const to = (list: readonly {readonly id: number; readonly b: (typeof ends)[number]}[], end: (typeof ends)[number], counts: Counters) =>
      Object.fromEntries(list.filter((p) => p.b === end).map((p) => [p.id, counts[p.id]!]));
    const heard = await Promise.all(
      parts.map((part, i) =>
        part.ask<Heard>(
          `end ${JSON.stringify({flows: to(pairs, ends[i]!, sent), streams: to([...pairs, ...fromHosts], ends[i]!, wrote)})}`,
        ),
      ),
    );
    const flows: Heard['flows'] = Object.assign({}, ...heard.map((h) => h.flows));
    const streams: Heard['streams'] = Object.assign({}, ...heard.map((h) => h.streams));
    const clients: Heard['clients'] = Object.assign({}, ...heard.map((h) => h.clients));
    const after = await readCounters(lab);
    const counters = Object.fromEntries(
      [...after].map(([place, now]) => [
        place,
        Object.fromEntries(
          Object.entries(now)
            .map(([name, value]) => [name, value - before.get(place)![name]!] as const)
            .filter(([, rise]) => rise !== 0),
        ),
      ]),
    );
    const way = ({id, from, to, family}: Way): Way => ({id, from, to, family});
    return {
      seconds,
      counters,
      deaf: Object.values(counters).reduce((n, c) => n + (c['UdpRcvbufErrors'] ?? 0) + (c['Udp6RcvbufErrors'] ?? 0), 0),
      flows: pairs.map((p) => ({...way(p), sent: sent[p.id]!, refused: refused[p.id]!, ...flows[p.id]!})),
      streams: [...pairs, ...fromHosts].map((p) => {
        const [server, client] = [streams[p.id]!, clients[p.id]!];
        return {
          ...way(p),
          sent: wrote[p.id]!,
          received: server.received,
          intact: server.wrong === null && server.received === wrote[p.id],
          end: client.error ?? server.end ?? 'hung',
          retransmits: client.retransmits,
          pause: server.pause,
        };
      }),
    };
  };
  return {stop, [Symbol.asyncDispose]: dispose};
}

/** Everything that somebody would have noticed, one line each; none is what a change must leave. */
export function noticed({flows, streams, deaf}: Testimony): readonly string[] {
  return [
    ...(deaf > 0 ? [`the witness was deaf: ${deaf} datagrams found its buffer full`] : []),
    ...flows
      .filter((f) => f.sent === 0 || f.lost + f.reordered + f.duplicated > 0)
      .map(
        (f) =>
          `${f.from} → ${f.to} IPv${f.family}: of ${f.sent} ${f.lost} lost (${f.refused} refused), ${f.reordered} reordered, ` +
          `${f.duplicated} twice; ${f.runs.map(([a, b]) => (a === b ? a : `${a}-${b}`)).join(' ')}`,
      ),
    ...streams
      .filter((s) => s.sent === 0 || !s.intact || s.end !== 'whole')
      .map(
        (s) => `${s.from} → ${s.to} IPv${s.family}, TCP: ${s.received} of ${s.sent} bytes, ${s.intact ? 'right' : 'not right'}, ${s.end}`,
      ),
  ];
}

export const lostIn = ({flows}: Testimony): number => flows.reduce((n, f) => n + f.lost, 0);
export const sentIn = ({flows}: Testimony): number => flows.reduce((n, f) => n + f.sent, 0);

/** The sums of the nodes' own counters (not the pods'), but for those named. */
export const kernelDrops = ({counters}: Testimony, lab: Lab, except: readonly (typeof counted)[number][] = []): Counters => {
  const sum: {[name: string]: number} = {};
  for (const node of lab.nodes)
    for (const [name, n] of Object.entries(counters[node.name] ?? {}))
      if (!(except as readonly string[]).includes(name)) sum[name] = (sum[name] ?? 0) + n;
  return sum;
};
