import {oneLine} from '../ui/escape.js';
import type {TraceReport} from './documents.js';

export type Direction = TraceReport['directions'][number];
export type Hop = Direction['hops'][number];
export type Step = Hop['steps'][number];

/** A place as drawings show it: one column. */
export interface Column {
  readonly kind: 'pod' | 'node' | 'wire';
  /** Without the word for its kind; as it came, not escaped. */
  readonly name: string;
  /** Node of a pod; what is beyond the wire. */
  readonly at: string | null;
}

export interface Rung {
  readonly hop: Hop;
  /** Index of its column. */
  readonly column: number;
}

export interface Ladder {
  readonly columns: readonly Column[];
  readonly ways: readonly {readonly direction: Direction; readonly rungs: readonly Rung[]}[];
}

/** The places of a trace from the sender to the receiver (also those that no packet came to), and every hop at its place. */
export function ladder(report: TraceReport): Ladder {
  const columns = new Map<string, Column>();
  const add = (column: Column): number => {
    const key = column.kind === 'wire' ? 'wire' : JSON.stringify([column.kind, column.name, column.at]);
    if (!columns.has(key)) columns.set(key, column);
    return [...columns.keys()].indexOf(key);
  };
  const beyond = [report.to, report.from].find((end) => end.kind === 'outside')?.name ?? null;
  const wire: Column = {kind: 'wire', name: 'wire', at: beyond};
  const ends = (): void => {
    const {to, from} = report;
    if (to.node === null || to.node !== from.node) add(wire);
    if (to.node === null) return;
    add({kind: 'node', name: to.node, at: null});
    if (to.kind === 'pod') add({kind: 'pod', name: podName(report.directions[0]?.to ?? to.name), at: to.node});
  };
  const ways = report.directions.map((direction, i) => {
    const rungs = direction.hops.map((hop, n): Rung => {
      const here = columnOf(hop, wire);
      const before = direction.hops[n - 1];
      if (before && nodeOf(before) !== nodeOf(hop)) add(wire);
      return {hop, column: add(here)};
    });
    if (i === 0) ends();
    return {direction, rungs};
  });
  return {columns: [...columns.values()], ways};
}

const nodeOf = (hop: Hop): string => hop.steps[0]?.node ?? 'underlay';
const podName = (place: string): string => place.replace(/^pod /, '');

function columnOf(hop: Hop, wire: Column): Column {
  const node = nodeOf(hop);
  if (node === 'underlay') return wire;
  const inPod = hop.steps.some((step) => step.pod !== null);
  return inPod ? {kind: 'pod', name: podName(hop.place), at: node} : {kind: 'node', name: node, at: null};
}

/** What decided: the row itself for rules and routes, else the sentence, with the rows under it where they say more. One line each. */
export function decided(step: Step): {readonly text: string; readonly rows: readonly string[]} {
  const rows = step.evidence.flatMap((e) => e.lines.map(oneLine));
  if (step.end !== null) return {text: oneLine(step.text), rows};
  if ((step.kind === 'route' || step.kind === 'rule') && rows[0] !== undefined) return {text: rows[0], rows: []};
  return {text: oneLine(step.text), rows: step.kind === 'firewall' || step.kind === 'sysctl' ? rows : []};
}

/** The packet in words. */
export const packetText = ({packet: p}: TraceReport): string =>
  `${p.proto}${p.port === null ? '' : ` port ${p.port}`}, IPv${p.family}, ${p.size} bytes`;

/** How a direction ended, in one line. */
export function verdictText(direction: Direction): string {
  const mtu = direction.pathMtu === null ? '' : `, path MTU ${direction.pathMtu}`;
  if (direction.verdict === 'reachable') return `arrives${surely(direction)}${mtu}`;
  if (direction.verdict === 'unknown') return oneLine(`unknown from hop ${direction.hop} on: ${direction.because}`);
  return `broken at hop ${direction.hop}: ${oneLine(direction.disposition ?? '')}`;
}

/** How sure a good end is, in words that follow `arrives`. */
export function surely({certainty, hops}: Direction): string {
  if (certainty === 'observed') return '';
  if (certainty === 'declared') return ' as the cloud declares';
  const supposed = hops.some((hop) => hop.steps.some((step) => step.crossing?.decides.would === true));
  return supposed ? ' if the cloud does what it must' : ' as far as can be seen';
}

/** The packet that the ladder shows, as it was seen on the wire. */
const shown = ({probe}: TraceReport) => probe?.packets.find((p) => p.name === 'asked') ?? probe?.packets[0];

/** At which devices of a hop its packet was seen (●), not seen (○) or nobody could look (?); undefined where nothing was watched. */
export function watchedText(
  report: TraceReport,
  direction: number,
  hop: number,
): {readonly text: string; readonly seen: boolean | null} | undefined {
  const way = direction === 0 ? 'there' : 'back';
  const at = shown(report)?.seen.filter((s) => s.direction === way && s.hop === hop) ?? [];
  if (at.length === 0) return undefined;
  const words = at.map(
    (s) => `${s.seen === null ? '?' : s.seen ? '●' : '○'} ${oneLine(s.dev)} ${s.way ?? ''}${s.tunnelled ? ' in the tunnel' : ''}`,
  );
  const seen = at.some((s) => s.seen === false && s.expected === true) ? false : at.some((s) => s.seen === null) ? null : true;
  return {text: words.join('  '), seen};
}

/** Devices beyond the place where it should be lost, at which it was seen all the same. */
export function strayText(report: TraceReport): string | undefined {
  const stray = shown(report)?.seen.filter((s) => s.expected === false && s.seen === true) ?? [];
  if (stray.length === 0) return undefined;
  return oneLine(`seen where it should not come to: ${stray.map((s) => `${s.dev} of ${s.pod ?? s.node}`).join(', ')}`);
}
