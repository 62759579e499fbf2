import type {Teller} from './change-tree.js';
import {eventLine} from './event-line.js';
import type {ChangeStage} from './stages.js';

export interface TellOptions {
  readonly quiet: boolean;
  readonly notice: (message: string) => void;
}

/** A tree on a terminal, plain lines where there is none. */
export async function teller(stages: readonly ChangeStage[], nodes: readonly string[], {quiet, notice}: TellOptions): Promise<Teller> {
  if (!quiet && process.stderr.isTTY === true) return (await import('./change-tree.js')).changeTree(stages, nodes);
  return {
    hear(event) {
      const line = eventLine(event);
      if (line !== undefined) notice(line);
    },
    end: async () => undefined,
  };
}
