import {execFileSync, spawn, spawnSync} from 'node:child_process';
import {appendFileSync, chmodSync, readFileSync} from 'node:fs';
import ssh2 from 'ssh2';
import {afterAll, afterEach, beforeAll, describe, expect, test} from 'vitest';
import {open} from '../../src/edge/transports/ssh.js';
import type {NodeAddress, TransportError} from '../../src/edge/transports/transport.js';
import {type Sshd, SshLab, until} from './sshd.js';

let lab: SshLab;
let sshd: Sshd;
beforeAll(async () => {
  lab = new SshLab();
  sshd = await lab.sshd();
  for (const type of ['ed25519', 'ecdsa', 'rsa'] as const) {
    lab.key(`user-${type}`, type);
    appendFileSync(lab.path('authorized_keys'), `${lab.publicKey(`user-${type}`)}\n`);
  }
  lab.key('locked', 'ed25519', 'open sesame');
  appendFileSync(lab.path('authorized_keys'), `${lab.publicKey('locked')}\n`);
});
afterAll(() => lab.stop());
afterEach(() => {
  delete process.env['FLANCTL_SSH_PASSPHRASE'];
  delete process.env['FLANCTL_SSH_PASSWORD'];
});

const config = (...lines: string[]): string => lab.config(sshd.port, {known: sshd.known(), lines}).config;
const go = (sshConfig: string, address: Partial<NodeAddress> = {}) =>
  open({node: 'node', via: 'ssh', ...address}, {sshConfig, sshHostKeys: 'strict', notice: () => {}}, AbortSignal.timeout(20_000));

async function logsIn(sshConfig: string): Promise<void> {
  await using transport = await go(sshConfig);
  expect(transport.via).toBe(`ssh root@127.0.0.1:${sshd.port}`);
  const {stdout, stderr, code} = await transport.run('echo out; echo err >&2; exit 7', [], {signal: AbortSignal.timeout(20_000)});
  expect({stdout: stdout.toString(), stderr, code}).toEqual({stdout: 'out\n', stderr: 'err\n', code: 7});
}

const refused = async (sshConfig: string, address: Partial<NodeAddress> = {}): Promise<TransportError> =>
  go(sshConfig, address).then(
    () => expect.fail('it let us in'),
    (error: TransportError) => error,
  );

/** An ssh-agent holding these keys; ended with the lab. */
async function agent(keys: readonly string[], add: {readonly words?: readonly string[]; readonly askpass?: string} = {}): Promise<string> {
  const socket = lab.path(lab.fresh('agent'));
  const askpass = lab.write(lab.fresh('askpass'), `#!/bin/sh\n${add.askpass ?? 'false'}\n`);
  chmodSync(askpass, 0o700);
  const env = {...process.env, SSH_AUTH_SOCK: socket, SSH_ASKPASS: askpass, SSH_ASKPASS_REQUIRE: 'force'};
  const child = spawn('ssh-agent', ['-D', '-a', socket], {stdio: 'ignore', env});
  lab.onStop(() => child.kill());
  // 2: not reachable yet; 1: it holds no keys.
  await until(() => spawnSync('ssh-add', ['-l'], {env}).status === 1, 'ssh-agent did not start', child);
  for (const key of keys) execFileSync('ssh-add', ['-q', ...(add.words ?? []), key], {env, stdio: 'ignore'});
  return socket;
}

test.each(['ed25519', 'ecdsa', 'rsa'] as const)('an unencrypted %s key', async (type) => {
  await logsIn(config(`IdentityFile ${lab.path(`user-${type}`)}`, 'IdentityAgent none'));
});

test('the second identity file, when the first is of no use, in one connection', async () => {
  const before = sshd.log().length;
  await logsIn(
    config(
      `IdentityFile ${lab.path('nothing-there')}`,
      `IdentityFile ${lab.path('id')}`,
      `IdentityFile ${lab.path('user-rsa')}`,
      'IdentityAgent none',
    ),
  );
  expect(
    sshd
      .log()
      .slice(before)
      .match(/Connection from/g),
  ).toHaveLength(1);
});

test('identity files whose names have tokens', async () => {
  await logsIn(
    config(`IdentityFile ${lab.dir}/%r-nobody`, `IdentityFile ${lab.dir}/user-ed%%25519`.replace('%%', ''), 'IdentityAgent none'),
  );
  execFileSync('cp', [lab.path('user-ecdsa'), lab.path('for-root-at-127.0.0.1')]);
  await logsIn(config(`IdentityFile ${lab.dir}/for-%r-at-%h`, 'IdentityAgent none'));
});

describe('an agent', () => {
  test('named by SSH_AUTH_SOCK', async () => {
    const before = process.env['SSH_AUTH_SOCK'];
    process.env['SSH_AUTH_SOCK'] = await agent([lab.path('user-rsa')]);
    try {
      await logsIn(config('IdentityFile none'));
    } finally {
      if (before === undefined) delete process.env['SSH_AUTH_SOCK'];
      else process.env['SSH_AUTH_SOCK'] = before;
    }
  });

  test('named by IdentityAgent, with a key of no use before the right one', async () => {
    await logsIn(config(`IdentityAgent ${await agent([lab.path('id'), lab.path('user-ecdsa')])}`, 'IdentityFile none'));
  });

  test('is asked for no other key than the named one under IdentitiesOnly', async () => {
    const socket = await agent([lab.path('user-ecdsa'), lab.path('id')]);
    const {failure} = await refused(config(`IdentityAgent ${socket}`, `IdentityFile ${lab.path('id')}`, 'IdentitiesOnly yes'));
    expect(failure.kind).toBe('auth');
    expect(failure.message).toMatch(/offered [^,]*\/id \(agent, ssh-ed25519 SHA256:[^,]*$/);
    await logsIn(config(`IdentityAgent ${socket}`, `IdentityFile ${lab.path('user-ecdsa.pub')}`, 'IdentitiesOnly yes'));
  });

  test('that holds more keys than the host lets anybody try', async () => {
    const names = Array.from({length: 7}, (_, i) => lab.key(lab.fresh(`many${i}`)));
    const {failure} = await refused(config(`IdentityAgent ${await agent(names)}`, 'IdentityFile none'));
    expect(failure.kind).toBe('auth');
    expect(failure.hint).toContain('IdentitiesOnly');
  });

  test('that refuses to sign does not keep the next key from working', async () => {
    const socket = await agent([lab.path('user-rsa')], {words: ['-c']});
    await logsIn(config(`IdentityAgent ${socket}`, `IdentityFile ${lab.path('user-rsa.pub')}`, `IdentityFile ${lab.path('user-ed25519')}`));
  });

  test('that is gone does not keep a key from working, and is named when nothing does', async () => {
    const socket = lab.path('no-agent');
    await logsIn(config(`IdentityAgent ${socket}`, `IdentityFile ${lab.path('user-ed25519')}`));
    const {failure} = await refused(config(`IdentityAgent ${socket}`, `IdentityFile ${lab.path('id')}`));
    expect(failure.message).toContain(`the agent at ${socket} (Failed to connect to agent)`);
  });
});

describe('an encrypted key', () => {
  const locked = (): string => config(`IdentityFile ${lab.path('locked')}`, 'IdentityAgent none');

  test('without its passphrase is a clear refusal', async () => {
    const {failure} = await refused(locked());
    expect(failure.kind).toBe('auth');
    expect(failure.message).toContain(`root@127.0.0.1:${sshd.port}`);
    expect(failure.message).toContain(`${lab.path('locked')} (encrypted, and neither in the agent nor FLANCTL_SSH_PASSPHRASE set)`);
  });

  test('with a wrong passphrase says so and does not show it', async () => {
    process.env['FLANCTL_SSH_PASSPHRASE'] = 'hunter2';
    const {failure} = await refused(locked());
    expect(failure.message).toContain('FLANCTL_SSH_PASSPHRASE does not open it');
    expect(JSON.stringify(failure)).not.toContain('hunter2');
  });

  test('with its passphrase', async () => {
    process.env['FLANCTL_SSH_PASSPHRASE'] = 'open sesame';
    await logsIn(locked());
  });

  test('that the agent holds', async () => {
    const socket = await agent([lab.path('locked')], {askpass: 'echo open sesame'});
    await logsIn(config(`IdentityAgent ${socket}`, `IdentityFile ${lab.path('locked')}`, 'IdentitiesOnly yes'));
  });
});

test('a wrong user is refused by name, with what was offered and no secret', async () => {
  process.env['FLANCTL_SSH_PASSWORD'] = 'correct horse';
  const {failure} = await refused(config(`IdentityFile ${lab.path('user-ed25519')}`, 'IdentityAgent none'), {user: 'nobody-here'});
  expect(failure.kind).toBe('auth');
  expect(failure.message).toContain(`nobody-here@127.0.0.1:${sshd.port}`);
  expect(failure.message).toMatch(/user-ed25519 \(ssh-ed25519 SHA256:\S+\), the password of FLANCTL_SSH_PASSWORD/);
  expect(JSON.stringify(failure)).not.toContain('correct horse');
});

test('the user and the port of the inventory win over ssh_config', async () => {
  const wrong = lab.config(1, {
    known: sshd.known(),
    lines: ['User nobody', `IdentityFile ${lab.path('user-ed25519')}`, 'IdentityAgent none'],
  });
  await using transport = await go(wrong.config, {node: 'n1', host: 'node', user: 'root', port: sshd.port});
  expect(transport.node).toBe('n1');
  expect((await transport.run('id -un', [], {signal: AbortSignal.timeout(20_000)})).stdout.toString()).toBe('root\n');
});

describe('a password of the environment', () => {
  /** sshd checks passwords of the machine's users only, so this host is ssh2's own server: it takes one method and one password. */
  async function host(method: 'password' | 'keyboard-interactive'): Promise<{config: string; seen: string[]; close: () => void}> {
    const seen: string[] = [];
    const server = new ssh2.Server({hostKeys: [readFileSync(lab.path('user-ed25519'))]}, (client) => {
      client.on('error', () => undefined);
      client.on('authentication', (context) => {
        seen.push(context.method);
        if (context.method === 'keyboard-interactive' && method === context.method) {
          context.prompt([{prompt: 'Password: ', echo: false}], (answers) =>
            answers[0] === 'correct horse' ? context.accept() : context.reject([method]),
          );
        } else if (context.method === 'password' && method === context.method && context.password === 'correct horse') context.accept();
        else context.reject([method]);
      });
      client.on('session', (accept) => {
        accept().on('exec', (begin) => {
          const channel = begin();
          channel.write('welcome\n');
          channel.exit(0);
          channel.end();
        });
      });
    });
    await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
    const {port} = server.address() as {port: number};
    const known = `[127.0.0.1]:${port} ${lab.publicKey('user-ed25519')}\n`;
    return {config: lab.config(port, {known}).config, seen, close: () => server.close()};
  }

  test.each(['password', 'keyboard-interactive'] as const)('is given by %s, after the keys', async (method) => {
    const {config: text, seen, close} = await host(method);
    process.env['FLANCTL_SSH_PASSWORD'] = 'correct horse';
    {
      await using node = await go(text);
      expect((await node.run('', [], {signal: AbortSignal.timeout(20_000)})).stdout.toString()).toBe('welcome\n');
    }
    expect(seen).toEqual(['publickey', method]);
    process.env['FLANCTL_SSH_PASSWORD'] = 'wrong horse';
    const {failure} = await refused(text);
    expect(failure.kind).toBe('auth');
    expect(JSON.stringify(failure)).not.toContain('horse');
    close();
  });
});
