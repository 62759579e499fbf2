import type {ChangeOptions} from './change-options.js';
import {eventLine} from './event-line.js';
import type {ChangeEvent} from './outcome.js';
import type {ChangeStage} from './stages.js';

/** Where people are told of a change as it goes on; all on stderr. */
export interface Teller {
  /** What is looked at now, while nothing is written. */
  readonly step: (what: string) => void;
  /** The stages that will run; the events have their numbers. */
  readonly stages: (list: readonly ChangeStage[]) => void;
  readonly hear: (event: ChangeEvent) => void;
  /** ^C was pressed: what is under way is brought to its end, then everything is taken back. */
  readonly interrupted: () => void;
  /** Resolves when all that was heard is on the screen, and something else may be written there. */
  readonly end: () => Promise<void>;
}

export interface TellOptions {
  readonly quiet: boolean;
  /** Seconds: of the dead-man timers. */
  readonly ttl: number;
  readonly notice: (message: string) => void;
}

/** Said at the first ^C: what happens now, and what a second one would do. */
export const turning = (ttl: number): string =>
  `^C: the stage under way is brought to its end, then the whole change is taken back; ^C again ends flanctl at once, and the nodes take it back by themselves when their timers run out, in ${ttl} s`;

/** A tree on a terminal, plain lines where there is none, nothing with --quiet. */
export async function teller(options: TellOptions): Promise<Teller> {
  const {quiet, ttl, notice} = options;
  const drawn = !quiet && process.stderr.isTTY === true && process.env['TERM'] !== 'dumb';
  if (drawn) return new (await import('./change-tree.js')).ChangeTree(options);
  return {
    step: notice,
    stages: () => undefined,
    hear(event) {
      const line = eventLine(event);
      if (line !== undefined) notice(line);
    },
    interrupted: () => notice(turning(ttl)),
    end: async () => undefined,
  };
}

/**
 * While a change is under way: what the first ^C says, and the last words after the second, which ends flanctl at once.
 * @returns to be called when it is over; more than once does no harm
 */
export function watchInterrupts(
  id: string,
  nodes: readonly string[],
  told: Teller,
  {ttl, signal, parting}: Pick<ChangeOptions, 'ttl' | 'signal' | 'parting'>,
): {readonly end: () => void} {
  signal.addEventListener('abort', told.interrupted, {once: true});
  parting(
    `left with timers armed on ${nodes.join(', ')}: when they run out, in ${ttl} s, each node takes its part back, or stays on the new path where the change was committed; flanctl rollback ${id} takes it back now`,
  );
  return {
    end() {
      signal.removeEventListener('abort', told.interrupted);
      parting(undefined);
    },
  };
}
