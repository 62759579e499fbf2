import {spawn} from 'node:child_process';
import {join} from 'node:path';
import {stripVTControlCharacters} from 'node:util';

const bin = join(import.meta.dirname, '../../bin/run.js');

export interface OnTerminal {
  /** All that was written so far, without colours and movements of the cursor. */
  readonly text: () => string;
  /** Resolves when the text has this in it, rejects when the command has ended without. */
  readonly until: (words: string) => Promise<void>;
  readonly type: (keys: string) => void;
  readonly ended: Promise<number | null>;
}

/** flanctl on a pseudo-terminal of 100 columns and 40 lines, as `script` of util-linux makes one; ^C is typed as `\x03`. */
export function onTerminal(args: readonly string[], env: NodeJS.ProcessEnv = {}): OnTerminal {
  const words = [process.execPath, bin, ...args].map((word) => `'${word}'`).join(' ');
  const child = spawn('script', ['-qefc', `stty rows 40 cols 100; exec ${words}`, '/dev/null'], {
    env: {...process.env, NO_COLOR: '1', TERM: 'xterm', ...env},
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  let out = '';
  const text = (): string => stripVTControlCharacters(out).replaceAll('\r', '');
  const waiting = new Set<() => void>();
  const tell = (): void => {
    for (const look of waiting) look();
  };
  let over = false;
  const ended = new Promise<number | null>((resolve) => {
    child.on('close', (code) => {
      over = true;
      tell();
      resolve(code);
    });
  });
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (piece: string) => {
      out += piece;
      tell();
    });
  return {
    text,
    ended,
    type: (keys) => void child.stdin.write(keys),
    until: (wanted) =>
      new Promise((resolve, reject) => {
        const look = (): void => {
          if (text().includes(wanted)) resolve();
          else if (over) reject(new Error(`it ended without ${JSON.stringify(wanted)}:\n${text()}`));
          else return;
          waiting.delete(look);
        };
        waiting.add(look);
        look();
      }),
  };
}
