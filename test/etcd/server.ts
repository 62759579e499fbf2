import {execFile, spawn} from 'node:child_process';
import {mkdtempSync, rmSync} from 'node:fs';
import {createServer} from 'node:net';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {setTimeout as sleep} from 'node:timers/promises';
import {promisify} from 'node:util';
import {afterAll} from 'vitest';
import {issue, type Pki} from '../certificates.js';

const run = promisify(execFile);

export interface Etcd {
  readonly url: string;
  /** `etcdctl`, of the v3 API unless told. */
  ctl(...args: readonly string[]): Promise<string>;
  ctlV2(...args: readonly string[]): Promise<string>;
  stop(): Promise<void>;
}

/** Ports that were free a moment ago. */
export async function freePorts(count: number): Promise<readonly number[]> {
  const servers = Array.from({length: count}, () => createServer());
  const ports = await Promise.all(
    servers.map(
      (server) => new Promise<number>((resolve) => server.listen(0, '127.0.0.1', () => resolve((server.address() as {port: number}).port))),
    ),
  );
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}

// At the level of the file: from within a test, a hook would never be called.
const ends: (() => Promise<void>)[] = [];
afterAll(async () => {
  for (const end of ends) await end();
});

/** A certificate authority and certificates of these names, until the test file's end. */
export function certificates(...names: readonly string[]): Pki {
  const pki = issue(Object.fromEntries(names.map((name) => [name, `/CN=${name}`])));
  ends.push(async () => rmSync(pki.folder, {recursive: true, force: true}));
  return pki;
}

/** Debian's etcd on loopback, with a data folder of its own; ends with the test file. */
export async function startEtcd(options: {readonly v2?: boolean; readonly pki?: Pki} = {}): Promise<Etcd> {
  const data = mkdtempSync(join(tmpdir(), 'flanctl-etcd-'));
  const [port, peer] = await freePorts(2);
  const {pki} = options;
  const url = `${pki ? 'https' : 'http'}://127.0.0.1:${port}`;
  const peers = `http://127.0.0.1:${peer}`;
  const tls = pki
    ? ['--cert-file', pki.cert('server'), '--key-file', pki.key('server'), '--client-cert-auth', '--trusted-ca-file', pki.ca]
    : [];
  const child = spawn(
    'etcd',
    [
      '--data-dir',
      data,
      '--listen-client-urls',
      url,
      '--advertise-client-urls',
      url,
      '--listen-peer-urls',
      peers,
      '--initial-advertise-peer-urls',
      peers,
      '--initial-cluster',
      `default=${peers}`,
      '--log-level',
      'error',
      '--logger',
      'zap',
      `--enable-v2=${options.v2 === true}`,
      ...tls,
    ],
    {stdio: ['ignore', 'ignore', 'pipe']},
  );
  let errors = '';
  child.stderr.on('data', (part: Buffer) => {
    errors = (errors + part.toString()).slice(-2000);
  });
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve()));
  const stop = async (): Promise<void> => {
    child.kill('SIGKILL');
    await ended;
    rmSync(data, {recursive: true, force: true});
  };
  ends.push(stop);
  const environment = (api: '2' | '3') => ({
    PATH: process.env['PATH'],
    ETCDCTL_API: api,
    ETCDCTL_ENDPOINTS: url,
    ...(pki && {ETCDCTL_CACERT: pki.ca, ETCDCTL_CERT: pki.cert('client'), ETCDCTL_KEY: pki.key('client')}),
  });
  const ctl = async (api: '2' | '3', args: readonly string[]): Promise<string> =>
    (await run('etcdctl', [...args], {env: environment(api)})).stdout;
  for (let tries = 0; ; tries++) {
    if (child.exitCode !== null) throw new Error(`etcd ended: ${errors}`);
    try {
      await ctl('3', ['--command-timeout=2s', 'endpoint', 'health']);
      break;
    } catch (error) {
      if (tries > 100) throw error;
      await sleep(100);
    }
  }
  return {url, ctl: (...args) => ctl('3', args), ctlV2: (...args) => ctl('2', args), stop};
}
