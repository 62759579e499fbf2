#!/usr/bin/env node
import module from 'node:module';

module.enableCompileCache?.(); // Node 22 and later; not there on 20
const {flush, handle, run} = await import('@oclif/core');
try {
  await run(process.argv.slice(2), import.meta.url);
  await flush();
} catch (error) {
  // A command that does not exist is a usage error like any other, not a shell's 127.
  if (error.oclif?.exit === 127) error.oclif.exit = 2;
  await handle(error);
}
