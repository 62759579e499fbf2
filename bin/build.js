// Compiles src to lib (one file a module, so that commands load lazily), copies the script that runs on nodes, and writes the
// command manifest, without which oclif would load every command to print --version.
import {execFileSync} from 'node:child_process';
import {cpSync, readdirSync, rmSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {fileURLToPath} from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
process.chdir(root);
rmSync('lib', {recursive: true, force: true});
rmSync('oclif.manifest.json', {force: true});
execFileSync(process.execPath, ['node_modules/typescript/bin/tsc', '-p', 'tsconfig.json'], {stdio: 'inherit'});
for (const file of readdirSync('src', {recursive: true, encoding: 'utf8'})) {
  if (file.endsWith('.sh')) cpSync(join('src', file), join('lib', file));
}
const {Config} = await import('@oclif/core');
const config = await Config.load({root, devPlugins: false, userPlugins: false});
const plugin = config.plugins.get('flanctl');
writeFileSync('oclif.manifest.json', `${JSON.stringify(plugin.manifest, null, 1)}\n`);
