import {createInterface} from 'node:readline/promises';
import {oneLine} from '../ui/escape.js';
import {question} from '../ui/question.js';

/** Questions to whoever sits at the terminal, on stderr; where nobody does, each has its usual answer. */
export interface Asker extends Disposable {
  /** The answer, or `usual` when it is empty or nobody is there. */
  ask(question: string, usual: string): Promise<string>;
}

export function asker(signal: AbortSignal): Asker {
  if (process.stdin.isTTY !== true || process.stderr.isTTY !== true) {
    return {ask: async (_, usual) => usual, [Symbol.dispose]: () => undefined};
  }
  const terminal = createInterface({input: process.stdin, output: process.stderr});
  return {
    ask: async (text, usual) => (await question(terminal, `${oneLine(text)} [${oneLine(usual)}] `, signal)) || usual,
    [Symbol.dispose]: () => terminal.close(),
  };
}
