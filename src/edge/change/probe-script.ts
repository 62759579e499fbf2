import {readFile} from 'node:fs/promises';

const read = (name: string): Promise<string> => readFile(new URL(name, import.meta.url), 'utf8');

/** A script that sends packets from pods; mesh.sh and ledger.sh, which stand beside this file in src and in lib, say what they take. */
export const probeScript = async (name: 'mesh' | 'ledger'): Promise<string> =>
  `${await read('pod-namespace.sh')}\n${await read(`${name}.sh`)}`;
