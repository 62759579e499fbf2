import {setTimeout as sleep} from 'node:timers/promises';
import {Failure} from '../../failure.js';
import {inhabitants, inOwnPidNamespace, namesInUse, namespacesOf, startedAt} from './namespaces.js';
import {run} from './shell.js';
import {forget, labNames, tryLoad} from './state.js';

/** How long the kernel may take to end a killed node, milliseconds. */
const PATIENCE_MS = 5000;

export interface DownResult {
  readonly name: string;
  /** Named namespaces that were removed. */
  readonly namespaces: number;
  /** Processes that somebody else started in the lab's namespaces: left alone; their namespaces go when they end. */
  readonly left: readonly {readonly pid: number; readonly command: string}[];
}

/**
 * Removes a lab, or whatever a killed `up` left of one, with or without its state; doing it twice is fine. Works from what lives in the
 * namespaces, so a pid that was used again by another process is never touched.
 * @throws Failure when an `up` that still runs is making it.
 */
export async function labDown(name: string, options: {readonly building?: boolean} = {}): Promise<DownResult> {
  const lab = await tryLoad(name);
  if (options.building !== true && lab?.phase === 'building' && lab.builder && lab.builder.started === (await startedAt(lab.builder.pid))) {
    throw new Failure(`the lab ${name} is being made by process ${lab.builder.pid}`, {
      hints: ['wait for it, or interrupt it: it clears away what it made'],
    });
  }
  let removed = 0;
  let left: DownResult['left'] = [];
  const deadline = Date.now() + PATIENCE_MS;
  // More than once, for what a killed `up` had started may still be under way.
  for (;;) {
    const living = await inhabitants(name);
    for (const one of living.filter((i) => i.holder)) kill(one.pid);
    const others = living.filter((i) => !i.holder);
    const foreign = (await Promise.all(others.map(async (i) => ((await inOwnPidNamespace(i.pid)) ? [] : [i])))).flat();
    const dying = living.length - foreign.length;
    if (dying > 0 && Date.now() < deadline) {
      await sleep(10);
      continue;
    }
    const names = await namespacesOf(name);
    if (names.length === 0) {
      await forget(name);
      return {name, namespaces: removed, left};
    }
    left = foreign.map(({pid, command}) => ({pid, command}));
    const ran = await run(['ip', '-batch', '-'], {input: names.map((n) => `netns del ${n}\n`).join('')});
    if (ran.code !== 0 && Date.now() > deadline) throw new Failure(`the namespaces of ${name} cannot be removed: ${ran.stderr.trim()}`);
    removed += names.length;
  }
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It ended by itself.
  }
}

/** Removes every lab: those written down and those that only their namespaces tell of. */
export async function allDown(): Promise<DownResult[]> {
  const names = [...new Set([...(await labNames()), ...(await namesInUse())])].sort();
  const results: DownResult[] = [];
  for (const name of names) results.push(await labDown(name));
  return results;
}
