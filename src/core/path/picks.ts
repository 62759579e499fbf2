import type {Picks} from './trip.js';

interface Pick {
  readonly index: number;
  readonly ways: readonly string[];
  readonly sure: boolean;
}

/** More ways than a service has endpoints; beyond, nothing is certain. */
const MOST = 256;

/**
 * Every combination of ways, one walk each: the first takes the first of each choice, and each further one the next of the last choice that
 * has one left. A walk makes the same choices in the same order as long as the picks are the same.
 */
export class EveryPick implements Picks {
  #picks: Pick[] = [];
  #at = 0;
  #walks = 1;

  take(ways: readonly string[], sure: boolean): number {
    const pick = this.#picks[this.#at] ?? {index: 0, ways, sure};
    this.#picks[this.#at++] = pick;
    return pick.index;
  }

  /** What this walk took, where it had a choice. */
  get taken(): readonly {readonly text: string; readonly sure: boolean}[] {
    return this.#picks
      .slice(0, this.#at)
      .map(({index, ways, sure}) => ({text: `way ${index + 1} of ${ways.length}, ${ways[index]}`, sure}));
  }

  /** Makes ready for the next walk. `done`: there is none; `too-many`: there would be, and nobody walks them. */
  next(): 'walk' | 'done' | 'too-many' {
    const picks = this.#picks.slice(0, this.#at);
    this.#at = 0;
    for (let last = picks.pop(); last !== undefined; last = picks.pop()) {
      if (last.index + 1 >= last.ways.length) continue;
      this.#picks = [...picks, {...last, index: last.index + 1}];
      this.#walks += 1;
      return this.#walks > MOST ? 'too-many' : 'walk';
    }
    return 'done';
  }
}
