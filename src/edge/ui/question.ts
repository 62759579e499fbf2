import type {Interface} from 'node:readline/promises';
import {ExitCode} from '../../exit-code.js';
import {Failure} from '../../failure.js';

/**
 * One question on a terminal, and what was typed. readline takes ^C and ^D for itself there: the process gets no signal.
 * @throws Failure `interrupted` for both, and when the signal fires
 */
export async function question(terminal: Interface, text: string, signal: AbortSignal): Promise<string> {
  const gone = new AbortController();
  terminal.once('close', () => gone.abort());
  try {
    return (await terminal.question(text, {signal: AbortSignal.any([signal, gone.signal])})).trim();
  } catch (error) {
    if (!(error instanceof Error) || error.name !== 'AbortError') throw error;
    throw new Failure('interrupted', {exit: ExitCode.interrupted, cause: error});
  }
}
