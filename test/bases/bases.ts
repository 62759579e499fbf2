import {join} from 'node:path';
import type {NodeDump} from '../../src/core/node/dump.js';
import {readSnapshot} from '../../src/edge/snapshots/read.js';

/** Healthy clusters, recorded from real labs by `node test/bases/record.js`; the text form, so that a case can edit lines. */
export const bases = ['vxlan', 'vxlan-dual', 'vxlan-direct', 'host-gw', 'host-gw-dual'] as const;

export async function loadBase(name: string): Promise<readonly NodeDump[]> {
  const dumps: NodeDump[] = [];
  for await (const dump of (await readSnapshot(join(import.meta.dirname, `${name}.ndjson`))).nodes()) dumps.push(dump);
  return dumps;
}
