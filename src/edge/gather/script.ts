import {readFile} from 'node:fs/promises';

/** The read-only script that prints one node's tables; script.sh, which stands beside this file in src and in lib, says what it takes. */
export const gatherScript = (): Promise<string> => readFile(new URL('script.sh', import.meta.url), 'utf8');
