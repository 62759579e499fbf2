// Writes docs/schema/<Kind>.json from the schemas the code is compiled against. The tests fail when they differ.
import {mkdirSync, writeFileSync} from 'node:fs';
import {publishedSchemas} from '../lib/edge/reporters/schema.js';

const folder = new URL('../docs/schema/', import.meta.url);
mkdirSync(folder, {recursive: true});
for (const [name, schema] of Object.entries(publishedSchemas()))
  writeFileSync(new URL(`${name}.json`, folder), `${JSON.stringify(schema, null, 2)}\n`);
