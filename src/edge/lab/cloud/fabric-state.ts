import {readFile, rename, writeFile} from 'node:fs/promises';
import {Failure} from '../../../failure.js';
import {runIn} from '../exec.js';
import type {Lab} from '../topology.js';
import {exportsOf} from './exports/index.js';
import {type Fabric, fabricOf} from './fabric.js';
import {fabricScript} from './fabric-script.js';

const stateFile = (lab: Lab): string => `${lab.dir}/fabric.json`;

/** Makes the cloud of a lab be so: the fabric's tables, what is written down of them, and the exports. */
export async function applyFabric(lab: Lab, fabric: Fabric, signal?: AbortSignal): Promise<void> {
  const {hosts, routesFile, enisFile, groupsFile} = lab.cloud!;
  for (const host of hosts) {
    const ran = await runIn(lab, host.name, fabricScript(lab, fabric, host), signal ? {signal} : {});
    if (ran.code !== 0) throw new Failure(`the cloud's fabric: exit ${ran.code}: ${ran.stderr.trim() || 'no message'}`);
  }
  const {routes, enis, groups} = exportsOf(lab, fabric);
  const write = async (file: string, document: unknown): Promise<void> => {
    await writeFile(`${file}.new`, `${JSON.stringify(document, null, 2)}\n`);
    await rename(`${file}.new`, file);
  };
  await write(routesFile, routes);
  await write(enisFile, enis);
  await write(groupsFile, groups);
  await write(stateFile(lab), fabric);
}

/** What the lab's cloud holds now, as far as it was changed before. */
export async function readFabric(lab: Lab): Promise<Fabric> {
  const text = await readFile(stateFile(lab), 'utf8').catch(() => undefined);
  return text === undefined ? fabricOf(lab) : (JSON.parse(text) as Fabric);
}

export async function changeFabric(lab: Lab, change: (now: Fabric) => Fabric): Promise<void> {
  await applyFabric(lab, change(await readFabric(lab)));
}
