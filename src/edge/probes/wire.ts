import {randomBytes} from 'node:crypto';
import type {Gap} from '../../core/node/dump.js';
import {type Transport, TransportError} from '../transports/transport.js';
import {oneLine} from '../ui/escape.js';
import {type Carriers, carriersOf, noCarriers} from './carriers.js';
import type {Connect} from './connect.js';
import {filterOf} from './filter.js';
import {type Flow, formOf, headersOf} from './flow.js';
import {type PcapFile, readPcap} from './frame.js';
import {keyOf, type Point, pointsOf, unique} from './points.js';
import {sendScript} from './send-script.js';
import {readyScript, stopScript, watchScript} from './watch-script.js';

export interface WireRequest {
  readonly flows: readonly Flow[];
  readonly connect: Connect;
  /** By node: the lines "NAME PATH" of gather's `pods` section. */
  readonly spaces: ReadonlyMap<string, readonly string[]>;
  /** Where to look: nowhere, at the receiver, or at every device on the way. */
  readonly watch: 'none' | 'receiver' | 'every';
  /** How often each packet is sent while nobody answers, and how many seconds are waited each time. */
  readonly tries: number;
  readonly wait: number;
  readonly signal: AbortSignal;
}

/** What came of one packet; the words are those of send-script.ts. */
export interface Sent {
  readonly word: 'answered' | 'refused' | 'rejected' | 'limited' | 'silent' | 'lost' | 'missing' | 'failed';
  /** What the tool said; of a node, not escaped. */
  readonly text: string;
}

export interface Capture {
  readonly point: Point;
  readonly file: PcapFile;
}

export interface Wire {
  readonly sent: ReadonlyMap<Flow, Sent>;
  readonly captures: readonly Capture[];
  readonly carriers: Carriers;
  readonly gaps: readonly Gap[];
}

/** How long a node may take beyond the packets themselves, milliseconds. */
const PATIENCE_MS = 20_000;

/** Sends all packets of the flows at once while everything that is to be watched is watched. Leaves nothing behind on the nodes. */
export async function onWire(request: WireRequest): Promise<Wire> {
  const {flows, watch, signal, tries, wait} = request;
  const gaps: Gap[] = [];
  const points = watch === 'none' ? [] : unique(flows.flatMap((flow) => pointsOf(flow.traced, watch)));
  const carriers = carriersOf(flows.map((flow) => flow.traced));
  const senders = flows.flatMap((flow) => flow.traced.from.node ?? []);
  const names = [...new Set([...senders, ...points.map((p) => p.node)])].toSorted();
  const limit = AbortSignal.any([signal, AbortSignal.timeout(tries * wait * 2000 + 2 * PATIENCE_MS)]);
  const lines = new Map<string, Transport>();
  const attempt = async <T>(node: string, what: string, work: (line: Transport) => Promise<T>): Promise<T | undefined> => {
    try {
      const line = lines.get(node) ?? (await request.connect(node, limit));
      lines.set(node, line);
      return await work(line);
    } catch (error) {
      if (!(error instanceof TransportError)) throw error;
      gaps.push({node, what, why: oneLine(error.failure.message)});
      return undefined;
    }
  };
  const token = randomBytes(16).toString('hex');
  const late = new Map<string, number>();
  try {
    await Promise.all(names.map((node) => attempt(node, 'probe', async () => undefined)));
    const watched = names.filter((node) => lines.has(node) && points.some((p) => p.node === node));
    const captures = watched.map((node) => {
      const here = points.filter((p) => p.node === node);
      return attempt(node, 'capture', (line) => capture(line, here, request, carriers, token, limit, gaps));
    });
    await Promise.all(
      watched.map((node) => {
        const count = points.filter((p) => p.node === node).length;
        return attempt(node, 'capture', async (line) => {
          const {stdout} = await line.run(readyScript, ['--token', token, String(count)], {signal: limit});
          const [, missing] = /^listening \d+ late ([1-9]\d*)$/m.exec(stdout.toString()) ?? [];
          if (missing !== undefined) late.set(node, Number(missing));
        });
      }),
    );
    const sent = await Promise.all(
      [...new Set(senders)].map((node) =>
        attempt(node, 'probe', (line) =>
          send(
            line,
            flows.filter((f) => f.traced.from.node === node),
            request,
            limit,
          ),
        ),
      ),
    );
    await Promise.all(watched.map((node) => attempt(node, 'capture', (line) => line.run(stopScript, ['--token', token], {signal: limit}))));
    const caught = await Promise.all(captures);
    // Who listened and who did not is not known: what was not seen there may have passed before.
    for (const [node, missing] of late)
      gaps.push({node, what: 'capture', why: `${missing} of its captures were not ready when the packets were sent`});
    return {
      sent: new Map(sent.flatMap((some) => [...(some ?? [])])),
      captures: caught.flatMap((some) => some ?? []).filter(({point}) => !late.has(point.node)),
      carriers,
      gaps: sorted(gaps),
    };
  } finally {
    await Promise.all([...lines.values()].map((line) => line[Symbol.asyncDispose]()));
  }
}

const sorted = (gaps: readonly Gap[]): readonly Gap[] =>
  [...new Map(gaps.map((gap) => [JSON.stringify([gap.node, gap.what, gap.why]), gap])).values()].toSorted((a, b) =>
    `${a.node} ${a.what}` < `${b.node} ${b.what}` ? -1 : 1,
  );

/** Lines that gather printed, and nothing else that a snapshot may hold: a path of a namespace. */
const spaceArgs = ({spaces}: WireRequest, node: string): readonly string[] =>
  (spaces.get(node) ?? [])
    .filter((line) => /^[A-Za-z0-9._-]+ \/(?:var\/run\/netns|run\/netns|proc)\/[A-Za-z0-9._/-]+$/.test(line))
    .flatMap((line) => ['--space', line]);

async function send(line: Transport, flows: readonly Flow[], request: WireRequest, signal: AbortSignal): Promise<ReadonlyMap<Flow, Sent>> {
  const mark = randomBytes(12).toString('hex');
  const words = flows.flatMap((flow, id) => {
    const {from, to, family, size} = flow.traced;
    const src = from.kind === 'node' ? '' : (formOf(flow)?.src ?? '');
    const pod = from.kind === 'node' ? '' : (from.pod ?? from.name);
    const numbers = [flow.port, flow.sport, Math.max(0, size - headersOf(flow))].map(String);
    return [String(id), pod, src, flow.proto, String(family), src, to.addresses[family]!, ...numbers, flow.marker];
  });
  const options = ['--mark', mark, '--tries', String(request.tries), '--wait', String(request.wait), ...spaceArgs(request, line.node)];
  const ran = await line.run(sendScript, [...options, ...words], {signal});
  const said = new Map<string, Sent>();
  for (const text of ran.stdout.toString().split('\n')) {
    const [, id = '', word = '', rest = ''] = new RegExp(`^${mark}@ (\\d+) (\\w+) ?(.*)$`).exec(text) ?? [];
    if (isWord(word)) said.set(id, {word, text: rest.trim()});
  }
  const silent: Sent = {
    word: 'failed',
    text: ran.stderr.trim().slice(0, 200) || `sh ended with ${ran.code ?? 'a signal'} and said nothing`,
  };
  return new Map(flows.map((flow, id) => [flow, said.get(String(id)) ?? silent]));
}

const sentWords: readonly string[] = ['answered', 'refused', 'rejected', 'limited', 'silent', 'lost', 'missing', 'failed'];
const isWord = (word: string): word is Sent['word'] => sentWords.includes(word);

async function capture(
  line: Transport,
  points: readonly Point[],
  request: WireRequest,
  carriers: Carriers,
  token: string,
  signal: AbortSignal,
  gaps: Gap[],
): Promise<readonly Capture[]> {
  const mark = randomBytes(12).toString('hex');
  const [plain, tunnelled] = [filterOf(request.flows, noCarriers), filterOf(request.flows, carriers)];
  const words = points.flatMap((p, id) => [String(id), p.pod ?? '', p.address ?? '', p.dev, p.wire ? tunnelled : plain]);
  const seconds = Math.ceil(request.tries * request.wait * 2 + PATIENCE_MS / 1000);
  const options = ['--mark', mark, '--token', token, '--seconds', String(seconds), ...spaceArgs(request, line.node)];
  const ran = await line.run(watchScript, [...options, ...words], {signal});
  const text = ran.stdout.toString('latin1');
  if (text.startsWith(`${mark}- `)) {
    gaps.push({node: line.node, what: 'capture', why: 'tcpdump is not installed there'});
    return [];
  }
  const parts = new Map(
    text
      .split(`${mark}@ `)
      .slice(1)
      .map((part): [string, string] => [part.slice(0, part.indexOf('\n')), part]),
  );
  return points.flatMap((point, id) => {
    const [, ...rest] = (parts.get(String(id)) ?? '').split(`${mark}. `)[0]!.trimEnd().split('\n');
    const file = readPcap(Buffer.from(rest.at(-1) ?? '', 'hex'));
    const where = `capture ${point.pod === undefined ? '' : `in pod ${point.pod} `}on ${point.dev}`;
    if (!file) {
      const why = [...rest, ran.stderr].join(' ').trim().slice(0, 300) || 'tcpdump printed nothing';
      gaps.push({node: line.node, what: oneLine(where), why: oneLine(why)});
      return [];
    }
    const dropped = /^([1-9]\d*) packets? dropped by kernel/m.exec(rest.join('\n'));
    if (dropped) gaps.push({node: line.node, what: oneLine(where), why: `${dropped[1]} packets were too many to keep`});
    return [{point, file}];
  });
}

export const captureAt = (wire: Wire, point: Pick<Point, 'node' | 'pod' | 'dev'>): Capture | undefined =>
  wire.captures.find((one) => keyOf(one.point) === keyOf(point));
