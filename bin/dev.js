#!/usr/bin/env node
// Builds what is out of date, then runs flanctl from it: for work on flanctl itself.
import {execFileSync} from 'node:child_process';
import {fileURLToPath} from 'node:url';

execFileSync(process.execPath, [fileURLToPath(new URL('build.js', import.meta.url))], {stdio: ['ignore', 2, 2]});
const {execute} = await import('@oclif/core');
await execute({dir: import.meta.url, development: true});
