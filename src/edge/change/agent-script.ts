import {readFile} from 'node:fs/promises';
import {gzipSync} from 'node:zlib';
import {shell} from '../../core/kernel/commands.js';
import type {Batch, NodeStep} from './agent.js';

/** What runs on the node; agent.sh, which stands beside this file in src and in lib, says what it takes. */
export const agentScript = (): Promise<string> => readFile(new URL('agent.sh', import.meta.url), 'utf8');

const lastLine = 'main "$@"\n';

/**
 * One call of the agent as a script for `sh -s -- words`. The payload travels as a quoted word and not as a here-document, for which bash
 * needs a temporary file and thus a disk that is not full. A text that was cut off on its way ends inside a quote, so that nothing of it runs.
 * The shell's own effective uid is read where the kernel says it, which starts no process. Where we are not root, sudo gets the same text on its stdin.
 */
export function agentCall(script: string, payload?: string): string {
  const body = payload === undefined ? script : `${script.slice(0, -lastLine.length)}payload=${shell([payload])}\n${lastLine}`;
  return `body=${shell([body])}
uid=
while read -r key real uid rest && [ "$key" != Uid: ]; do :; done 2>/dev/null </proc/self/status
if [ "\${uid:-$(id -u)}" = 0 ]; then eval "$body"; else printf '%s\\n' "$body" | sudo -n sh -s -- "$@"; fi
exit
`;
}

/**
 * A step as its file on the node holds it: phase, title, the index by line numbers of this very file, `.`, the lines, `end`. `keep gzip`: what
 * the step was made of, packed, since the node has no use for it.
 */
export function stepFile(step: NodeStep): string {
  const {operations = []} = step;
  const packed = operations.length === 0 ? [] : [gzipSync(JSON.stringify(operations)).toString('base64')];
  const parts = [
    ...step.run.map((batch) => ({word: 'run', batch})),
    ...step.undo.map((batch) => ({word: 'undo', batch})),
    {word: 'keep', batch: {tool: 'gzip', lines: packed}},
  ].filter(({batch}) => batch.lines.length > 0);
  let next = 2 + parts.length + 1 + 1;
  const index = parts.map(({word, batch}) => {
    const first = next;
    next += batch.lines.length;
    return `${word} ${batch.tool} ${first} ${next - 1}`;
  });
  return [step.phase, step.title.replaceAll(/\s+/g, ' '), ...index, '.', ...parts.flatMap(({batch}) => batch.lines), 'end'].join('\n');
}

/** `0003`: sorts as the stages run. */
export const stageName = (stage: number): string => String(stage).padStart(4, '0');

/** The line a tool stopped at, from what `ip -batch` and the agent's own `sh` say: `Command failed -:7`. */
export function failedLine(batch: Batch | undefined, said: string): string {
  const at = /Command failed -:(\d+)/.exec(said)?.[1];
  const line = at === undefined ? undefined : batch?.lines[Number(at) - 1];
  const message = said.replaceAll(/^Command failed -:\d+$/gm, '').trim();
  return `${batch?.tool ?? ''} ${line ?? ''}`.trim() + (message === '' ? '' : `: ${message}`);
}
