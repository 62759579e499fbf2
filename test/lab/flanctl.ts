import {spawn} from 'node:child_process';
import {join} from 'node:path';
import type {Finding} from '../../src/core/rules/fold.js';

const bin = join(import.meta.dirname, '../../bin/run.js');

export interface Ran {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** The CLI as users have it, built. */
export function flanctl(args: readonly string[], env: NodeJS.ProcessEnv = {}, cwd?: string): Promise<Ran> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [bin, ...args], {
      env: {...process.env, NO_COLOR: '1', ...env},
      ...(cwd !== undefined && {cwd}),
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let [stdout, stderr] = ['', ''];
    child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
    child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
    child.on('error', reject);
    child.on('close', (code) => resolve({code, stdout, stderr}));
  });
}

export interface Report {
  readonly exit: number;
  readonly findings: readonly Finding[];
  readonly notEvaluated: readonly {readonly rule: string; readonly node: string; readonly missing: readonly string[]}[];
  readonly gaps: readonly {readonly node: string; readonly what: string; readonly why: string}[];
}

export async function doctor(source: readonly string[]): Promise<Report & {readonly code: number | null}> {
  const ran = await flanctl(['doctor', ...source, '-o', 'json', '--quiet']);
  try {
    return {...(JSON.parse(ran.stdout) as Report), code: ran.code};
  } catch {
    throw new Error(`doctor ${source.join(' ')} printed no JSON (exit ${ran.code}): ${ran.stderr}${ran.stdout.slice(0, 500)}`);
  }
}
