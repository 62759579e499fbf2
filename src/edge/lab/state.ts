import {mkdir, readdir, readFile, rename, rm, writeFile} from 'node:fs/promises';
import {Failure} from '../../failure.js';
import type {Lab} from './topology.js';

/** Where labs write down what they are: a tmpfs on most machines, for a lab does not outlive a boot either. */
export const labRoot = (): string => process.env['FLANCTL_LAB_DIR'] ?? '/run/flanctl/labs';

export const labDir = (name: string): string => `${labRoot()}/${name}`;

/**
 * Takes the name: exactly one caller gets it.
 * @throws Failure when it is taken.
 */
export async function claim(lab: Lab): Promise<void> {
  await mkdir(labRoot(), {recursive: true, mode: 0o755});
  try {
    await mkdir(lab.dir, {mode: 0o700});
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    throw taken(lab.spec.name);
  }
  await save(lab);
}

export const taken = (name: string): Failure =>
  new Failure(`there is a lab ${name} already`, {
    hints: [`flanctl lab down --name ${name}`, `flanctl lab up --name ${name} --replace`, 'flanctl lab list shows all'],
  });

/** Written whole or not at all, whatever ends the process. */
export async function save(lab: Lab): Promise<void> {
  const file = `${lab.dir}/lab.json`;
  await writeFile(`${file}.new`, `${JSON.stringify(lab, null, 2)}\n`, {mode: 0o600});
  await rename(`${file}.new`, file);
}

export async function forget(name: string): Promise<void> {
  await rm(labDir(name), {recursive: true, force: true});
}

/** The lab as it was written down, or undefined when nothing readable was. */
export async function tryLoad(name: string): Promise<Lab | undefined> {
  const text = await readFile(`${labDir(name)}/lab.json`, 'utf8').catch(() => undefined);
  if (text === undefined) return undefined;
  try {
    return JSON.parse(text) as Lab;
  } catch {
    return undefined;
  }
}

/** @throws Failure when there is no such lab, or it was never finished. */
export async function loadLab(name: string): Promise<Lab> {
  const lab = await tryLoad(name);
  if (!lab) {
    const others = await labNames();
    throw new Failure(`there is no lab ${name}`, {
      hints: others.length > 0 ? [`there is: ${others.join(', ')}`] : ['flanctl lab up makes one'],
    });
  }
  if (lab.phase !== 'up') throw new Failure(`the lab ${name} was never finished`, {hints: [`flanctl lab down --name ${name}`]});
  return lab;
}

/** Names of labs that were written down, sorted. */
export async function labNames(): Promise<string[]> {
  const entries = await readdir(labRoot(), {withFileTypes: true}).catch(() => []);
  return entries
    .filter((entry) => entry.isDirectory())
    .map((entry) => entry.name)
    .sort();
}
