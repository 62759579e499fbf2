import type {TraceReport} from '../reporters/documents.js';
import {placeWords} from './hints.js';
import type {Judged} from './judge.js';
import type {Direction, Sighting} from './sighting.js';

type Way = TraceReport['directions'][number];
type Step = Way['hops'][number]['steps'][number];

/** What a packet showed of one hop that nobody can look into: it came through, or it went in and did not come out. */
export interface Shown {
  readonly came: boolean;
  readonly text: string;
}

/**
 * What this packet showed of the hop with this number: seen on both sides of it where that was watched, else by its arrival. Undefined: it
 * showed nothing, since it did not come so far or nobody could look.
 */
export function shownOf({sightings, measured, sent, flow}: Judged, direction: Direction, hop: number): Shown | undefined {
  const way = sightings.filter((s) => s.direction === direction);
  const before = way.findLast((s) => s.hop !== undefined && s.hop < hop && s.seen === true);
  const beyond = way.filter((s) => s.hop === undefined || s.hop > hop);
  const after = beyond.find((s) => s.seen === true);
  if (before && after) return {came: true, text: `seen on the wire: it left ${device(before)} and came in at ${device(after)}`};
  if (measured[direction] === 'arrives')
    return {
      came: true,
      text:
        sent.word === 'answered' || sent.word === 'refused'
          ? 'proven by the answer that came'
          : `proven: it was seen at ${flow.traced.to.name}`,
    };
  // Its last device before the network must have sent it, and nobody beyond have seen it.
  const edge = way.findLast((s) => s.hop !== undefined && s.hop < hop);
  if (measured[direction] !== 'lost' || edge?.seen !== true || beyond.length === 0 || beyond.some((s) => s.seen !== false))
    return undefined;
  return {
    came: false,
    text: `seen on the wire: it left ${device(edge)}, and ${device(beyond[0]!)} did not see it: the network between lost it`,
  };
}

const device = (s: Sighting): string => placeWords(s);

/** Hops between machines, and the hardware addresses that lead there: what a packet that came through has proven. */
const proves: ReadonlySet<Step['kind']> = new Set(['fabric', 'underlay', 'neighbour']);

/** The trace with what the wire showed of the hops that rested on nobody's sight. What entries say elsewhere stays as it was. */
export function proven(report: TraceReport, judged: Judged): TraceReport {
  return {
    ...report,
    directions: report.directions.map((way, i) => {
      const direction = i === 0 ? 'there' : 'back';
      const whole = way.verdict === 'reachable' && judged.measured[direction] === 'arrives';
      const hops = way.hops.map((hop) => ({
        ...hop,
        steps: hop.steps.map((step) => shownStep(step, shownOf(judged, direction, hop.number), whole)),
      }));
      return {...way, hops, ...(whole && {certainty: 'observed' as const})};
    }),
  };
}

function shownStep(step: Step, shown: Shown | undefined, whole: boolean): Step {
  const guessed = step.certainty === 'inferred' || step.certainty === 'declared';
  if (step.kind !== 'fabric' && step.kind !== 'underlay')
    return whole && guessed && proves.has(step.kind) ? {...step, certainty: 'observed'} : step;
  if (!shown || (!guessed && step.crossing === null)) return step;
  const {crossing} = step;
  const told = crossing && {...crossing, seen: shown.text, ...(shown.came && {status: 'observed' as const, refutedBy: []})};
  return {...step, ...(shown.came && step.end === null && {certainty: 'observed' as const}), crossing: told};
}

/** The hop through a cloud's network at which this packet was lost, in words: what should have carried it. */
export function lostIn(report: TraceReport, judged: Judged): string | undefined {
  for (const [i, way] of report.directions.entries())
    for (const hop of way.hops)
      for (const {crossing} of hop.steps) {
        const shown = crossing ? shownOf(judged, i === 0 ? 'there' : 'back', hop.number) : undefined;
        if (!crossing || !shown || shown.came) continue;
        const {from, to, decides} = crossing;
        const between = `the cloud's network lost it between ${from} and ${to ?? 'its receiver'}`;
        if (decides.row === 'none') return `${between}: it has no row that carries it there.`;
        const look = decides.would
          ? 'nobody asked the cloud for it: give its own list (--cloud-routes, --cloud-enis)'
          : 'the cloud has it, so its security groups, network ACLs or source check may drop it';
        return `${between}: ${decides.row} should have carried it; ${look}.`;
      }
  return undefined;
}
