#!/usr/bin/env node
import module from 'node:module';

module.enableCompileCache?.(); // Node 22 and later; not there on 20
const {execute} = await import('@oclif/core');
await execute({dir: import.meta.url});
