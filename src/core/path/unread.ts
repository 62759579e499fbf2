import type {Family} from '../net/address.js';
import {looked} from '../node/state.js';
import type {Disposition} from './disposition.js';
import {type Place, placeName, type World} from './world.js';

/** Ends that rest on something not being there: nobody answers, no device takes it, no route leads on. What was not read may be there. */
const absences: ReadonlySet<Disposition> = new Set([
  'no-route',
  'no-neighbour',
  'wrong-neighbour',
  'wrong-tunnel-end',
  'no-tunnel',
  'no-peer',
  'device-down',
  'bridge-port',
  'no-listener',
]);

/** A table of a namespace on the way without which such an end is no certainty. */
export function unread(world: World, disposition: Disposition, family: Family): string | undefined {
  if (!absences.has(disposition)) return undefined;
  const missing = ({state}: Place): string | undefined =>
    !looked(state, 'link')
      ? 'devices'
      : !looked(state, 'address')
        ? 'addresses'
        : !looked(state, 'route', family)
          ? `IPv${family} routes`
          : !looked(state, 'neigh', family)
            ? `IPv${family} neighbours`
            : undefined;
  for (const place of [...world.nodes.values(), ...[...world.pods.values()].flat()]) {
    const table = missing(place);
    if (table !== undefined) return `the ${table} of ${placeName(place)} were not read`;
  }
  return undefined;
}
