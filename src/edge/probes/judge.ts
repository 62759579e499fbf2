import type {Walk} from '../../core/path/step.js';
import type {Flow} from './flow.js';
import {arrived, type Direction, type Sighting, sightings} from './sighting.js';
import type {Sent, Wire} from './wire.js';

/** A way of a packet, as the model says or as it was: `unknown` where nobody can say. */
export type Fate = 'arrives' | 'lost' | 'unknown';

/** What was sent, what became of it, and what the model had said. */
export interface Judged {
  readonly flow: Flow;
  readonly sent: Sent;
  /** `back` is undefined where nothing is to come back. */
  readonly predicted: {readonly there: Fate; readonly back?: Fate | undefined};
  readonly measured: {readonly there: Fate; readonly back?: Fate | undefined};
  /** There and back, as the sender met it. */
  readonly whole: Fate;
  readonly sightings: readonly Sighting[];
  /** Where it was lost, when it was watched: the last device that it was seen at, and the first that it was not. */
  readonly died: {readonly direction: Direction; readonly after: Sighting | undefined; readonly before: Sighting | undefined} | undefined;
  /** Undefined: nothing could be compared. */
  readonly agrees: boolean | undefined;
}

/** Compares what became of a packet with what its walk says. `hops`: every device was watched, so the place counts too. */
export function judge(flow: Flow, wire: Wire, hops: boolean): Judged {
  const sent: Sent = wire.sent.get(flow) ?? {word: 'failed', text: 'its sender could not be reached'};
  const {there, back} = flow.traced;
  const predicted = {there: fateOf(there), back: back && fateOf(back)};
  const answered = sent.word === 'answered' || sent.word === 'refused';
  const unsent = sent.word === 'missing' || sent.word === 'failed';
  // A path MTU that the sender has learnt says nothing of the hops now: the packet did not even set out.
  const kept = unsent || sent.word === 'limited';
  const seenThere = kept ? undefined : arrived(flow, wire);
  const gone: Fate =
    seenThere !== undefined
      ? seenThere
        ? 'arrives'
        : 'lost'
      : answered
        ? 'arrives'
        : sent.word === 'rejected' || sent.word === 'limited'
          ? 'lost'
          : 'unknown';
  const returned: Fate | undefined =
    gone === 'lost' || unsent ? undefined : answered ? 'arrives' : gone === 'unknown' || sent.word === 'silent' ? 'unknown' : 'lost';
  const measured = {there: gone, back: returned};
  const whole: Fate =
    gone === 'lost' || returned === 'lost' ? 'lost' : answered ? 'arrives' : unsent || sent.word === 'silent' ? 'unknown' : 'lost';
  const looked = hops && !kept ? [...sightings(flow, wire, 'there'), ...(gone === 'arrives' ? sightings(flow, wire, 'back') : [])] : [];
  return {
    flow,
    sent,
    predicted,
    measured,
    whole,
    sightings: looked,
    died: deathOf(looked, measured),
    agrees: compare(predicted, measured, whole, looked),
  };
}

const fateOf = ({verdict}: Walk): Fate => (({reachable: 'arrives', broken: 'lost', unknown: 'unknown'}) as const)[verdict.kind];

function compare(
  predicted: Judged['predicted'],
  measured: Judged['measured'],
  whole: Fate,
  looked: readonly Sighting[],
): boolean | undefined {
  const same = (a: Fate | undefined, b: Fate | undefined): boolean | undefined =>
    a === undefined || b === undefined || a === 'unknown' || b === 'unknown' ? undefined : a === b;
  const ways = [same(predicted.there, measured.there), same(predicted.back, measured.back)];
  // An answer that does not come says nothing of which way it was lost on.
  if (measured.there === 'unknown') {
    const both = predicted.there === 'arrives' ? (predicted.back ?? 'unknown') : predicted.there;
    ways.push(same(both, whole));
  }
  // It is lost as the model says: then also there?
  for (const direction of ['there', 'back'] as const)
    if (predicted[direction] === 'lost' && measured[direction] === 'lost')
      ways.push(
        ...looked
          .filter((s) => s.direction === direction)
          .map(({seen, expected}) => (seen === undefined || expected === undefined ? undefined : seen === expected)),
      );
  return ways.includes(false) ? false : ways.includes(true) ? true : undefined;
}

function deathOf(looked: readonly Sighting[], measured: Judged['measured']): Judged['died'] {
  const direction = measured.there === 'lost' ? 'there' : measured.back === 'lost' ? 'back' : undefined;
  if (direction === undefined) return undefined;
  const way = looked.filter((s) => s.direction === direction);
  const last = way.findLastIndex((s) => s.seen === true);
  return way.length === 0 ? undefined : {direction, after: way[last], before: way.slice(last + 1).find((s) => s.seen === false)};
}
