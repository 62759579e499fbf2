import {createHash} from 'node:crypto';
import {appendFileSync, existsSync, readFileSync} from 'node:fs';
import {createServer} from 'node:net';
import {afterAll, beforeAll, describe, expect, test} from 'vitest';
import {open} from '../../src/edge/transports/ssh.js';
import type {Transport, TransportError} from '../../src/edge/transports/transport.js';
import {freePort, type Sshd, SshLab, until} from './sshd.js';

let lab: SshLab;
let sshd: Sshd;
let config: string;
const warnings: Error[] = [];
const warned = (warning: Error): void => {
  warnings.push(warning);
};
beforeAll(async () => {
  process.on('warning', warned);
  lab = new SshLab();
  sshd = await lab.sshd();
  appendFileSync(lab.path('authorized_keys'), `${lab.publicKey('id')}\n`);
  config = lab.config(sshd.port, {known: sshd.known()}).config;
});
afterAll(() => {
  process.off('warning', warned);
  lab.stop();
});

const soon = (): AbortSignal => AbortSignal.timeout(20_000);
const go = (sshConfig = config, signal = soon()): Promise<Transport> =>
  open({node: 'node', via: 'ssh'}, {sshConfig, sshHostKeys: 'strict', notice: () => {}}, signal);
const failed = (promise: Promise<unknown>): Promise<TransportError> =>
  promise.then(
    () => expect.fail('it succeeded'),
    (error: TransportError) => error,
  );
const alive = (pid: number): boolean => existsSync(`/proc/${pid}`);

test('arguments arrive as they were given', async () => {
  await using node = await go();
  const args = ['', 'a b', "it's", '$HOME `id` "x"', '*', 'new\nline', '-n', 'ü'];
  const {stdout} = await node.run('for a; do printf "%s\\0" "$a"; done', args, {signal: soon()});
  expect(stdout.toString().split('\0').slice(0, -1)).toEqual(args);
});

test('twenty megabytes arrive intact', async () => {
  await using node = await go();
  const {stdout, code} = await node.run('head -c 20000000 /dev/zero | tr "\\0" x; echo; seq 1000', [], {signal: soon()});
  const expected = Buffer.concat([
    Buffer.alloc(20_000_000, 'x'),
    Buffer.from(`\n${Array.from({length: 1000}, (_, i) => `${i + 1}\n`).join('')}`),
  ]);
  expect(code).toBe(0);
  expect(createHash('sha256').update(stdout).digest('hex')).toBe(createHash('sha256').update(expected).digest('hex'));
});

test('a script that is longer than a window goes through, also when nobody reads it to the end', async () => {
  await using node = await go();
  const long = `${'# filler\n'.repeat(400_000)}echo end\n`;
  expect((await node.run(long, [], {signal: soon()})).stdout.toString()).toBe('end\n');
  expect(await node.run(`exit 3\n${long}`, [], {signal: soon()})).toMatchObject({code: 3});
});

test('more runs at a time than the host allows sessions', async () => {
  await using node = await go();
  const runs = await Promise.all(Array.from({length: 25}, (_, i) => node.run('echo "$1"; sleep 0.1', [String(i)], {signal: soon()})));
  expect(runs.map(({stdout}) => stdout.toString().trim())).toEqual(Array.from({length: 25}, (_, i) => String(i)));
});

test('a command that a signal ends has no code', async () => {
  await using node = await go();
  expect(await node.run('echo begun; kill -9 $$', [], {signal: soon()})).toMatchObject({stdout: Buffer.from('begun\n'), code: undefined});
  expect(await node.run('kill -9 $$', [], {signal: soon()})).toMatchObject({code: undefined});
});

describe('a session that is killed in the middle', () => {
  /** `what`: the sleep of this test, for that of another may not have ended yet. */
  const killLater = async (node: Transport, what: string): Promise<void> => {
    await until(() => sshd.sessions().some((pid) => wordsOf(pid) === what), 'no sleep was seen');
    // When a second run has passed through sshd, what the first had printed before has as well.
    await node.run('true', [], {signal: soon()});
    await new Promise((resolve) => setTimeout(resolve, 500));
    for (const pid of sshd.sessions().filter((p) => commandOf(p) === 'sshd')) process.kill(pid, 'SIGKILL');
  };
  const commandOf = (pid: number): string => {
    try {
      return readFileSync(`/proc/${pid}/comm`, 'utf8').trim();
    } catch {
      return '';
    }
  };

  const wordsOf = (pid: number): string => {
    try {
      return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').join(' ').trim();
    } catch {
      return '';
    }
  };

  test('leaves what had come, with no code', async () => {
    await using node = await go();
    const [result] = await Promise.all([node.run('echo partial; sleep 4.1', [], {signal: soon()}), killLater(node, 'sleep 4.1')]);
    expect(result).toMatchObject({stdout: Buffer.from('partial\n'), code: undefined});
    const {failure} = await failed(node.run('echo more', [], {signal: soon()}));
    expect(failure.kind).toBe('connect');
  });

  test('is a failure where nothing had come', async () => {
    await using node = await go();
    const [{failure}] = await Promise.all([failed(node.run('sleep 4.2', [], {signal: soon()})), killLater(node, 'sleep 4.2')]);
    expect(failure).toMatchObject({
      kind: 'connect',
      message: expect.stringContaining(`root@127.0.0.1:${sshd.port}: the connection was lost`),
    });
  });
});

describe('a command that hangs', () => {
  const hang = 'echo $$ >"$1"; [ -z "$2" ] || echo partial; sleep 300';

  test.each([
    ['', undefined],
    ['yes', 'partial\n'],
  ])('is ended on the node when the time is up (output: "%s")', async (print, expected) => {
    await using node = await go();
    const pidFile = lab.path(lab.fresh('pid'));
    const began = Date.now();
    const result = await node
      .run(hang, [pidFile, print], {signal: AbortSignal.timeout(2000)})
      .catch((error: TransportError) => error.failure);
    expect(Date.now() - began).toBeLessThan(8000);
    if (expected === undefined)
      expect(result).toMatchObject({kind: 'timeout', message: expect.stringContaining('timed out running the script')});
    else expect(result).toMatchObject({stdout: Buffer.from(expected), code: undefined});
    const pid = Number(readFileSync(pidFile, 'utf8'));
    await until(() => !alive(pid), `the shell ${pid} still runs`);
  });

  test('whose run was given up before it began', async () => {
    await using node = await go();
    expect((await failed(node.run('echo', [], {signal: AbortSignal.abort()}))).failure.kind).toBe('timeout');
  });
});

test('twenty connect to one sshd at a time, within its MaxStartups, under one signal, and no listener leak is warned of', async () => {
  const signal = soon();
  const nodes = await Promise.all(Array.from({length: 20}, () => go(config, signal)));
  const runs = await Promise.all(nodes.map((node, i) => node.run('echo "$1"', [String(i)], {signal})));
  await Promise.all(nodes.map((node) => node[Symbol.asyncDispose]()));
  expect(runs.map(({stdout}) => stdout.toString().trim())).toEqual(Array.from({length: 20}, (_, i) => String(i)));
  await new Promise((done) => setImmediate(done));
  expect(warnings).toEqual([]);
});

test('a host that drops connections before it says a word is tried again', async () => {
  const port = await freePort();
  let dropped = 0;
  const server = createServer((socket) => {
    dropped += 1;
    if (dropped <= 2) return void socket.end('Exceeded MaxStartups\r\n');
    server.close();
    socket.end('SSH-2.0-gone\r\n');
    return;
  });
  await new Promise<void>((done) => server.listen(port, '127.0.0.1', done));
  const {failure} = await failed(go(lab.config(port).config));
  expect(dropped).toBe(3);
  expect(failure.kind).toBe('connect');
});

describe('what does not answer', () => {
  test('a closed port', async () => {
    const port = await freePort();
    const {failure} = await failed(go(lab.config(port).config));
    expect(failure).toMatchObject({kind: 'connect', message: `root@127.0.0.1:${port}: connection refused`});
  });

  test('a name that does not exist', async () => {
    const {failure} = await failed(go(lab.config(22, {lines: ['HostName no-such-host.invalid']}).config));
    expect(failure).toMatchObject({kind: 'connect', message: 'root@no-such-host.invalid:22: the name cannot be resolved'});
  });

  test('a port that is silent, until the time is up', async () => {
    const server = createServer(() => undefined);
    await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
    const address = server.address();
    const port = typeof address === 'object' && address ? address.port : 0;
    const {failure} = await failed(go(lab.config(port).config, AbortSignal.timeout(400)));
    expect(failure).toMatchObject({
      kind: 'timeout',
      message: expect.stringMatching(/timed out connecting to root@127\.0\.0\.1:\d+, during the SSH identification/),
    });
    server.close();
  });

  test('a host that speaks something else, whose words cannot steer the terminal', async () => {
    const server = createServer((socket) => socket.end('SSH-2.0-x\r\n\u0000\u0000\u0000\u000c\u0004\u001b[2J\u001b]0;x\u0007'));
    await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
    const address = server.address();
    const {failure} = await failed(go(lab.config(typeof address === 'object' && address ? address.port : 0).config));
    server.close();
    expect(failure.kind).toBe('connect');
    expect(failure.message).not.toMatch(/[\u0000-\u001f]/);
  });

  test('a host without a key exchange in common', async () => {
    const pq = await lab.sshd({lines: ['KexAlgorithms sntrup761x25519-sha512@openssh.com']});
    const {failure} = await failed(go(lab.config(pq.port, {known: pq.known()}).config));
    expect(failure.kind).toBe('connect');
    expect(failure.hint).toContain('post-quantum');
  });

  test('a machine without the ssh program', async () => {
    const path = process.env['PATH'];
    process.env['PATH'] = lab.dir;
    try {
      const {failure} = await failed(go());
      expect(failure).toMatchObject({kind: 'connect', hint: 'Install openssh-client.'});
    } finally {
      process.env['PATH'] = path;
    }
  });

  test('an ssh_config that OpenSSH does not accept', async () => {
    const {failure} = await failed(go(lab.write('bad_config', 'NoSuchWord yes\n')));
    expect(failure.message).toMatch(/Bad configuration option: nosuchword/);
  });
});
