import {createInterface} from 'node:readline/promises';
import {ExitCode} from '../../exit-code.js';
import {Failure} from '../../failure.js';
import {oneLine} from './escape.js';
import {question} from './question.js';

export interface Confirm {
  /** How often `--yes` was given: each stands for one question. */
  readonly yes: number;
  readonly signal: AbortSignal;
}

/**
 * Asks the operator on the terminal, one question after the other; only the word `yes` is one.
 * @throws Failure where nobody can be asked and `--yes` was not given often enough, and when the answer is another.
 */
export async function confirm(questions: readonly string[], {yes, signal}: Confirm): Promise<void> {
  const open = questions.slice(yes);
  if (open.length === 0) return;
  if (process.stdin.isTTY !== true || process.stderr.isTTY !== true) {
    const words = questions.map(() => '--yes').join(' ');
    throw new Failure('there is no terminal to ask on', {hints: [`${words} says yes to: ${questions.map(oneLine).join(' / ')}`]});
  }
  const terminal = createInterface({input: process.stdin, output: process.stderr});
  try {
    for (const asked of open) {
      const answer = await question(terminal, `${oneLine(asked)} [yes/no] `, signal);
      if (answer.toLowerCase() !== 'yes') throw new Failure('not confirmed: nothing was changed', {exit: ExitCode.findings});
    }
  } finally {
    terminal.close();
  }
}

/** How often yes was said: oclif counts no repeated flags, and one from the environment is not among the words. */
export const countYes = (argv: readonly string[], yes: boolean): number =>
  yes ? Math.max(1, argv.filter((word) => word === '--yes' || word === '-y').length) : 0;
