import {execFileSync} from 'node:child_process';
import {appendFileSync, existsSync, readFileSync} from 'node:fs';
import {afterAll, beforeAll, describe, expect, test} from 'vitest';
import {open} from '../../src/edge/transports/ssh.js';
import type {Transport, TransportError} from '../../src/edge/transports/transport.js';
import {freePort, type Sshd, SshLab, until} from './sshd.js';

let lab: SshLab;
let jump: Sshd;
let second: Sshd;
let target: Sshd;
beforeAll(async () => {
  lab = new SshLab();
  [jump, second, target] = await Promise.all([lab.sshd(), lab.sshd(), lab.sshd()]);
  appendFileSync(lab.path('authorized_keys'), `${lab.publicKey('id')}\n`);
});
afterAll(() => lab.stop());

const soon = (): AbortSignal => AbortSignal.timeout(20_000);
const go = (sshConfig: string, signal = soon()): Promise<Transport> =>
  open({node: 'node', via: 'ssh'}, {sshConfig, sshHostKeys: 'strict', notice: () => {}}, signal);
const failed = (promise: Promise<unknown>): Promise<TransportError> =>
  promise.then(
    () => expect.fail('it succeeded'),
    (error: TransportError) => error,
  );
const identity = (): string[] => [`IdentityFile ${lab.path('id')}`, 'IdentityAgent none'];
const block = (name: string, sshd: Sshd, ...lines: string[]): string =>
  `Host ${name}\n${['HostName 127.0.0.1', `Port ${sshd.port}`, 'User root', ...identity(), ...lines].map((l) => `  ${l}\n`).join('')}`;

describe('ProxyJump', () => {
  const config = (jumps: string, known: string): string =>
    lab.config(target.port, {known, lines: [...identity(), `ProxyJump ${jumps}`], more: block('bastion', jump) + block('inner', second)})
      .config;

  test('goes through one host', async () => {
    const before = jump.log().length;
    {
      await using node = await go(config('bastion', jump.known() + target.known()));
      expect(node.via).toBe(`ssh root@127.0.0.1:${target.port} via root@127.0.0.1:${jump.port}`);
      const {stdout} = await node.run('echo "$SSH_CONNECTION"', [], {signal: soon()});
      expect(stdout.toString().trim().endsWith(` ${target.port}`)).toBe(true);
    }
    expect(jump.log().slice(before)).toMatch(/direct-tcpip/);
    await until(() => /Disconnected from user root|Received disconnect/.test(jump.log().slice(before)), 'the jump was not left');
  });

  test('goes through two hosts, in order', async () => {
    const before = second.log().length;
    await using node = await go(config('bastion,inner', jump.known() + second.known() + target.known()));
    expect(node.via).toBe(`ssh root@127.0.0.1:${target.port} via root@127.0.0.1:${second.port} via root@127.0.0.1:${jump.port}`);
    expect((await node.run('echo ok', [], {signal: soon()})).stdout.toString()).toBe('ok\n');
    expect(second.log().slice(before)).toMatch(/direct-tcpip/);
  });

  test('takes user@host:port', async () => {
    const text = config(`root@bastion:${jump.port}`, jump.known() + target.known());
    await using node = await go(text);
    expect((await node.run('echo ok', [], {signal: soon()})).code).toBe(0);
  });

  test('verifies each hop under its own name', async () => {
    const {failure} = await failed(go(config('bastion', target.known())));
    expect(failure).toMatchObject({
      kind: 'host-key-unknown',
      message: expect.stringMatching(new RegExp(`^jump host: the host key of \\[127.0.0.1\\]:${jump.port} is not known`)),
    });
    expect((await failed(go(config('bastion', jump.known())))).failure.message).toContain(`[127.0.0.1]:${target.port} is not known`);
  });

  test('says which host cannot be reached from which', async () => {
    const port = await freePort();
    const {config: text} = lab.config(port, {
      known: jump.known(),
      lines: [...identity(), 'ProxyJump bastion'],
      more: block('bastion', jump),
    });
    const {failure} = await failed(go(text));
    expect(failure).toMatchObject({
      kind: 'connect',
      message: expect.stringMatching(/jump host root@127\.0\.0\.1:\d+ does not get to 127\.0\.0\.1:\d+/),
    });
  });

  test('in a circle ends', async () => {
    const {config: text} = lab.config(target.port, {known: '', lines: [...identity(), 'ProxyJump node'], more: ''});
    expect((await failed(go(text))).failure.message).toMatch(/more than 8 jumps|ssh -G/);
  });

  test('lost in the middle of a run leaves what had come', async () => {
    await using node = await go(config('bastion', jump.known() + target.known()));
    const run = node.run('echo partial; sleep 4.3', [], {signal: soon()});
    await until(() => jump.sessions().length > 0 && target.sessions().some((p) => /sleep/.test(comm(p))), 'no run was seen');
    // When a second run has passed through both sshd, what the first had printed before has as well.
    await node.run('true', [], {signal: soon()});
    await new Promise((resolve) => setTimeout(resolve, 500));
    for (const pid of jump.sessions()) process.kill(pid, 'SIGKILL');
    expect(await run).toMatchObject({stdout: Buffer.from('partial\n'), code: undefined});
  });
});

const comm = (pid: number): string => (existsSync(`/proc/${pid}/comm`) ? readFileSync(`/proc/${pid}/comm`, 'utf8') : '');

describe('ProxyCommand', () => {
  const pipe = "bash -c 'exec 3<>/dev/tcp/%h/%p; cat <&3 & exec cat >&3'";

  test('carries the connection, with its tokens filled in, and is ended with it', async () => {
    const pidFile = lab.path(lab.fresh('pid'));
    const {config} = lab.config(target.port, {
      known: target.known(),
      lines: [...identity(), `ProxyCommand sh -c 'echo $$ %r >${pidFile}; exec "$@"' sh ${pipe}`],
    });
    {
      await using node = await go(config);
      expect(node.via).toContain('via proxy command');
      const {stdout} = await node.run('head -c 3000000 /dev/zero; echo ok', [], {signal: soon()});
      expect(stdout.length).toBe(3_000_003);
    }
    const [pid, user] = readFileSync(pidFile, 'utf8').trim().split(' ');
    expect(user).toBe('root');
    await until(() => !existsSync(`/proc/${pid}`), 'the proxy command still runs');
  });

  test('reaches into a network namespace that has no other way in', async () => {
    const name = `fssh${process.pid}`;
    execFileSync('ip', ['netns', 'add', name]);
    lab.onStop(() => execFileSync('ip', ['netns', 'del', name]));
    execFileSync('ip', ['-n', name, 'link', 'set', 'lo', 'up']);
    const inside = await lab.sshd({within: ['nsenter', `--net=/run/netns/${name}`]});
    const {config} = lab.config(inside.port, {
      known: inside.known(),
      lines: [...identity(), `ProxyCommand nsenter --net=/run/netns/${name} ${pipe}`],
    });
    await using node = await go(config);
    const {stdout} = await node.run('ip -br link | cut -d" " -f1', [], {signal: soon()});
    expect(stdout.toString().split('\n')).toContain('lo');
    expect(stdout.toString()).not.toMatch(/eth|ens/);
  });

  test('that fails is quoted, without its control characters', async () => {
    const {config} = lab.config(target.port, {
      known: '',
      lines: [...identity(), `ProxyCommand printf 'no \\033[31mtunnel today' >&2; exit 3`],
    });
    const {failure} = await failed(go(config));
    expect(failure.kind).toBe('connect');
    expect(failure.message).toContain('the proxy command said: no \\x1b[31mtunnel today');
  });

  test('that is silent is ended when the time is up', async () => {
    const pidFile = lab.path(lab.fresh('pid'));
    const {config} = lab.config(target.port, {
      known: '',
      lines: [...identity(), `ProxyCommand sh -c 'echo $$ >${pidFile}; exec sleep 300'`],
    });
    expect((await failed(go(config, AbortSignal.timeout(600)))).failure.kind).toBe('timeout');
    const pid = readFileSync(pidFile, 'utf8').trim();
    await until(() => !existsSync(`/proc/${pid}`), 'the proxy command still runs');
  });
});

test('Include and Match of ssh_config are resolved', async () => {
  const included = lab.write(
    lab.fresh('included'),
    `Host *\n${identity()
      .map((l) => `  ${l}\n`)
      .join('')}`,
  );
  const known = lab.write(lab.fresh('known_hosts'), target.known());
  const matched = ['HostName 127.0.0.1', 'User root', `Port ${target.port}`, `UserKnownHostsFile ${known}`, 'GlobalKnownHostsFile none'];
  const config = lab.write(lab.fresh('ssh_config'), `Include ${included}\nMatch originalhost alias exec true\n${matched.join('\n')}\n`);
  await using node = await open(
    {node: 'n', host: 'alias', via: 'ssh'},
    {sshConfig: config, sshHostKeys: 'strict', notice: () => {}},
    soon(),
  );
  expect((await node.run('echo ok', [], {signal: soon()})).code).toBe(0);
});
