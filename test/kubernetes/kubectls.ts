import {execFile} from 'node:child_process';
import {existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync} from 'node:fs';
import {homedir} from 'node:os';
import {join} from 'node:path';
import {promisify} from 'node:util';

const run = promisify(execFile);

export interface Kubectl {
  readonly path: string;
  /** `1.20.2`. */
  readonly version: string;
  /** Since v1.31 an exec goes over WebSocket; before, over SPDY alone. */
  readonly webSocket: boolean;
}

async function kubectlAt(path: string): Promise<Kubectl> {
  const {stdout} = await run(path, ['version', '--client', '-o', 'json']);
  const version = (JSON.parse(stdout) as {clientVersion: {gitVersion: string}}).clientVersion.gitVersion.replace(/^v/, '');
  return {path, version, webSocket: Number(version.split('.')[1]) >= 31};
}

/** Debian's kubectl, unpacked beside what is installed, which may be another package of that command. Fetched once a machine. */
async function debians(): Promise<string> {
  const cache = join(process.env['XDG_CACHE_HOME'] || join(homedir(), '.cache'), 'flanctl-test');
  const kept = join(cache, 'kubernetes-client');
  if (existsSync(join(kept, 'usr/bin/kubectl'))) return join(kept, 'usr/bin/kubectl');
  mkdirSync(cache, {recursive: true});
  const folder = mkdtempSync(join(cache, 'fetch-'));
  try {
    const options = {cwd: folder, timeout: 60_000};
    const download = () => run('apt-get', ['download', '-q', 'kubernetes-client'], options);
    // The lists may be older than what the mirror has.
    await download().catch(() => run('apt-get', ['update', '-q'], options).then(download));
    const [file] = readdirSync(folder).filter((name) => name.endsWith('.deb'));
    await run('dpkg', ['-x', file!, 'tree'], options);
    rmSync(kept, {recursive: true, force: true});
    renameSync(join(folder, 'tree'), kept);
    return join(kept, 'usr/bin/kubectl');
  } finally {
    rmSync(folder, {recursive: true, force: true});
  }
}

/**
 * Every kubectl to test with: that on the PATH, and Debian's v1.20, the last of the old ways that is still installed. Root has both, or the
 * tests fail; for others that which cannot be had is said, and its cases are not there.
 */
export async function kubectls(): Promise<readonly Kubectl[]> {
  const installed = await kubectlAt('kubectl');
  if (installed.version.startsWith('1.20.')) return [installed];
  try {
    return [installed, await kubectlAt(await debians())];
  } catch (error) {
    const message = `Debian's kubectl 1.20 cannot be had (apt-get download kubernetes-client): ${(error as Error).message.trim()}`;
    if (process.getuid?.() === 0) throw new Error(message, {cause: error});
    process.stderr.write(`${message}: tested without it\n`);
    return [installed];
  }
}
