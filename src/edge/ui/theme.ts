import {Chalk, type ChalkInstance} from 'chalk';

/** Colour only where somebody sees it: a terminal, unless NO_COLOR or --no-color says no; FORCE_COLOR says yes. */
export function colourLevel(stream: {isTTY?: boolean}, options: {noColor?: boolean} = {}): 0 | 1 | 2 | 3 {
  const forced = process.env['FORCE_COLOR'];
  if (options.noColor || (process.env['NO_COLOR'] ?? '') !== '') return 0;
  if (forced !== undefined && forced !== '0' && forced !== 'false') return 1;
  return stream.isTTY === true && process.env['TERM'] !== 'dumb' ? 1 : 0;
}

export interface Theme {
  readonly paint: ChalkInstance;
  readonly error: (text: string) => string;
  readonly warning: (text: string) => string;
  readonly info: (text: string) => string;
  readonly good: (text: string) => string;
  readonly dim: (text: string) => string;
  readonly strong: (text: string) => string;
}

/** The one place where colours are chosen. */
export function theme(level: 0 | 1 | 2 | 3): Theme {
  const paint = new Chalk({level});
  return {paint, error: paint.red, warning: paint.yellow, info: paint.cyan, good: paint.green, dim: paint.dim, strong: paint.bold};
}
