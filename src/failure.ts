import {ExitCode} from './exit-code.js';

/**
 * What the user did or has that flanctl cannot work with: a bad flag, an unreadable file, a lab that is not there.
 * It is expected, so it is shown as a message and a hint, never as a stack. Everything else that is thrown is a bug (exit 70).
 */
export class Failure extends Error {
  readonly exit: ExitCode;
  /** What to do about it, as one or more imperative sentences. */
  readonly hints: readonly string[];

  constructor(message: string, options: {exit?: ExitCode; hints?: readonly string[]; cause?: unknown} = {}) {
    super(message, options.cause === undefined ? {} : {cause: options.cause});
    this.name = 'Failure';
    this.exit = options.exit ?? ExitCode.usage;
    this.hints = options.hints ?? [];
  }
}
