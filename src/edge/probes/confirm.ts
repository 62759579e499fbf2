import {writeFile} from 'node:fs/promises';
import {ExitCode} from '../../exit-code.js';
import {Failure} from '../../failure.js';
import type {Dumps} from '../diagnose.js';
import type {TraceReport} from '../reporters/documents.js';
import type {Traced, Tracer, Wish} from '../trace.js';
import type {Connect} from './connect.js';
import {headlineOf, hintsOf} from './hints.js';
import {type Judged, judge} from './judge.js';
import {packetsOf, spacesOf} from './packets.js';
import {pcapng} from './pcapng.js';
import {lostIn, proven} from './proven.js';
import type {Sighting} from './sighting.js';
import {onWire, type Wire} from './wire.js';

export interface Confirmation {
  readonly tracer: Tracer;
  readonly traced: Traced;
  readonly wish: Wish;
  readonly evidence: Dumps;
  /** How the nodes are reached; undefined where there are none. */
  readonly connect: Connect | undefined;
  /** Every device on the way is watched, not only the receiver. */
  readonly capture: boolean;
  /** Where all captures go. */
  readonly pcap?: string | undefined;
  readonly signal: AbortSignal;
}

type Probe = NonNullable<TraceReport['probe']>;

/** @throws Failure when nothing can be sent: there are no live nodes, or the sender's namespace was not gathered. */
export function checkSender({traced: {from}, connect}: Pick<Confirmation, 'traced' | 'connect'>): void {
  if (!connect)
    throw new Failure('--probe and --capture send packets: they need live nodes, not a snapshot', {
      hints: ['--inventory, --lab or --local'],
    });
  if (from.kind === 'pod' && from.pod === undefined)
    throw new Failure(`the namespace of ${from.name} was not gathered, so nothing can be sent from inside it`, {
      hints: [`name the node ${from.node ?? ''} to send from there, or read its pods (--pods all, as root)`],
    });
}

/** The report of a trace with what real packets made of it; its exit code is then the wire's. @throws Failure as checkSender does. */
export async function confirmed(report: TraceReport, confirmation: Confirmation): Promise<TraceReport> {
  checkSender(confirmation);
  const {tracer, traced, wish, evidence, connect, capture, pcap, signal} = confirmation;
  const flows = await packetsOf(tracer, traced, wish);
  const wire = await onWire({
    flows,
    connect: connect!,
    spaces: await spacesOf(evidence),
    watch: capture ? 'every' : 'receiver',
    tries: 3,
    wait: 1,
    signal,
  });
  signal.throwIfAborted();
  const judged = flows.map((flow) => judge(flow, wire, capture));
  if (pcap !== undefined) await write(pcap, wire);
  const verdicts = judged.map((j) => j.agrees);
  const probe: Probe = {
    agrees: verdicts.includes(false) ? false : verdicts.includes(true) ? true : null,
    headline: headlineOf(judged, wire.gaps.length),
    packets: judged.map(packetOf),
    hints: [...new Set(judged.flatMap((j) => lostIn(report, j) ?? [])), ...hintsOf(judged)],
    gaps: wire.gaps,
    pcap: pcap ?? null,
  };
  return {...proven(report, mainOf(judged)), probe, exit: exitOf(report, judged)};
}

/** The packet that was asked for: where no size was, the small one. */
const mainOf = (judged: readonly Judged[]): Judged => judged.find((j) => j.flow.name === 'asked') ?? judged[0]!;

async function write(file: string, wire: Wire): Promise<void> {
  await writeFile(file, pcapng(wire.captures, 'flanctl')).catch((error: NodeJS.ErrnoException) => {
    throw new Failure(`--pcap: cannot write ${file}: ${error.message}`);
  });
}

function packetOf({flow, sent, predicted, measured, agrees, died, sightings}: Judged): Probe['packets'][number] {
  const place = (s: Sighting | undefined) => (s ? {node: s.node, pod: s.pod ?? null, dev: s.dev} : null);
  return {
    name: flow.name,
    size: flow.traced.size,
    answer: sent.word,
    said: sent.text === '' ? null : sent.text,
    there: {predicted: predicted.there, measured: measured.there},
    back:
      predicted.back === undefined && measured.back === undefined
        ? null
        : {predicted: predicted.back ?? null, measured: measured.back ?? null},
    agrees: agrees ?? null,
    died: died ? {direction: died.direction, after: place(died.after), before: place(died.before)} : null,
    seen: sightings.map(({direction, hop, node, pod, dev, way, tunnelled, expected, seen}) => ({
      direction,
      hop: hop ?? null,
      node,
      pod: pod ?? null,
      dev,
      way: way ?? null,
      tunnelled,
      expected: expected ?? null,
      seen: seen ?? null,
    })),
  };
}

/**
 * Lost on the wire is broken, whatever the tables say. What arrives though they say otherwise is no proof that all is well, but of something
 * nobody has read. A packet that arrives over a hop that was only inferred proves that hop.
 */
function exitOf(report: TraceReport, judged: readonly Judged[]): number {
  const main = mainOf(judged);
  const others = judged.filter((j) => j !== main && j.flow.name !== 'over');
  if (main.whole === 'lost' || others.some((j) => j.whole === 'lost')) return ExitCode.findings;
  const wrong = judged.some((j) => j.agrees === false);
  const unsent = judged.some((j) => j.sent.word === 'missing' || j.sent.word === 'failed');
  const kinds = report.directions.map((d) => d.verdict);
  if (main.whole === 'arrives') return wrong || unsent || kinds.some((kind) => kind !== 'reachable') ? ExitCode.incomplete : ExitCode.ok;
  if (report.exit !== ExitCode.ok) return report.exit;
  return wrong || unsent || main.measured.there !== 'arrives' ? ExitCode.incomplete : report.exit;
}
