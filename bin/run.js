#!/usr/bin/env node
import module from 'node:module';
import {basename} from 'node:path';
import {fileURLToPath} from 'node:url';

module.enableCompileCache?.(); // Node 22 and later; not there on 20
const {flush, handle, run} = await import('@oclif/core');
let options = import.meta.url;
// kubectl runs what is called kubectl-flanctl on the PATH as `kubectl flanctl`, and that is then our name in help.
if (basename(process.argv[1]).startsWith('kubectl-')) {
  const pjson = module.createRequire(import.meta.url)('../package.json');
  options = {root: fileURLToPath(new URL('..', import.meta.url)), pjson: {...pjson, oclif: {...pjson.oclif, bin: 'kubectl flanctl'}}};
}
try {
  await run(process.argv.slice(2), options);
  await flush();
} catch (error) {
  // A command that does not exist is a usage error like any other, not a shell's 127.
  if (error.oclif?.exit === 127) error.oclif.exit = 2;
  await handle(error);
}
