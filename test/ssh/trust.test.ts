import {execFileSync} from 'node:child_process';
import {appendFileSync, readFileSync, statSync} from 'node:fs';
import {afterAll, beforeAll, describe, expect, test} from 'vitest';
import {open} from '../../src/edge/transports/ssh.js';
import {TransportError} from '../../src/edge/transports/transport.js';
import {type Sshd, SshLab} from './sshd.js';

let lab: SshLab;
let sshd: Sshd;
beforeAll(async () => {
  lab = new SshLab();
  sshd = await lab.sshd({hostKeys: ['ed25519', 'ecdsa', 'rsa']});
  appendFileSync(lab.path('authorized_keys'), `${lab.publicKey('id')}\n`);
});
afterAll(() => lab.stop());

const notices: string[] = [];
const go = (config: string, sshHostKeys: 'strict' | 'accept-new' = 'strict') =>
  open({node: 'node', via: 'ssh'}, {sshConfig: config, sshHostKeys, notice: (m) => notices.push(m)}, AbortSignal.timeout(20_000));

async function hello(config: string, mode: 'strict' | 'accept-new' = 'strict'): Promise<string> {
  await using transport = await go(config, mode);
  const {stdout, code} = await transport.run('echo "hello $1"\n', ["it's me"], {signal: AbortSignal.timeout(20_000)});
  expect(code).toBe(0);
  return stdout.toString();
}

async function refusedBy(config: string, mode: 'strict' | 'accept-new' = 'strict'): Promise<TransportError> {
  const error = await go(config, mode).catch((e: unknown) => e);
  expect(error).toBeInstanceOf(TransportError);
  return error as TransportError;
}

/** What sshd logged while `run` ran. */
async function logOf(run: () => Promise<unknown>): Promise<string> {
  const before = sshd.log().length;
  await run();
  await new Promise((done) => setTimeout(done, 200));
  return sshd.log().slice(before);
}

describe('a host that is known', () => {
  test.each(['ed25519', 'ecdsa', 'rsa'] as const)('by its %s key alone, though it has others that we would prefer', async (type) => {
    expect(await hello(lab.config(sshd.port, {known: sshd.known(type)}).config)).toBe("hello it's me\n");
  });

  test('is logged by sshd with the words whose absence proves below that nothing was offered', async () => {
    const log = await logOf(() => hello(lab.config(sshd.port, {known: sshd.known()}).config));
    expect(log).toMatch(/userauth/);
    expect(log).toMatch(/Accepted publickey/);
  });

  test('in a hashed known_hosts', async () => {
    const {config, known} = lab.config(sshd.port, {known: sshd.known()});
    execFileSync('ssh-keygen', ['-q', '-H', '-f', known], {stdio: 'ignore'});
    expect(readFileSync(known, 'utf8')).toMatch(/^\|1\|/);
    expect(await hello(config)).toBe("hello it's me\n");
  });

  test('under its HostKeyAlias', async () => {
    const {config} = lab.config(sshd.port, {
      known: `rack7 ${lab.publicKey(sshd.hostKeys.ed25519)}\n`,
      lines: ['HostKeyAlias rack7', `IdentityFile ${lab.path('id')}`, 'IdentityAgent none'],
    });
    expect(await hello(config)).toBe("hello it's me\n");
  });

  test('under its bare name, as OpenSSH accepts for another port', async () => {
    expect(await hello(lab.config(sshd.port, {known: `127.0.0.1 ${lab.publicKey(sshd.hostKeys.ed25519)}\n`}).config)).toBe(
      "hello it's me\n",
    );
  });
});

describe('a host that is not known', () => {
  test('is refused in strict mode, with its fingerprint and the way to accept it, and nothing is offered to it', async () => {
    const {config, known} = lab.config(sshd.port);
    const log = await logOf(async () => {
      const {failure} = await refusedBy(config);
      expect(failure.kind).toBe('host-key-unknown');
      const shown = execFileSync('ssh-keygen', ['-l', '-f', `${lab.path(sshd.hostKeys.ed25519)}.pub`], {encoding: 'utf8'}).split(' ')[1];
      expect(failure.message).toContain(shown);
      expect(failure.message).toContain(`[127.0.0.1]:${sshd.port}`);
      expect(failure.hint).toMatch(/ssh node.*accept-new/);
    });
    expect(log).not.toMatch(/userauth|publickey/);
    expect(() => statSync(known)).toThrow();
  });

  test('is recorded with accept-new, said aloud, and known from then on', async () => {
    notices.length = 0;
    const {config, known} = lab.config(sshd.port);
    expect(await hello(config, 'accept-new')).toBe("hello it's me\n");
    expect(readFileSync(known, 'utf8')).toBe(sshd.known());
    expect(statSync(known).mode & 0o777).toBe(0o600);
    expect(notices).toEqual([expect.stringMatching(/added the host key of \[127\.0\.0\.1\]:\d+ to .*: ssh-ed25519 SHA256:/)]);
    expect(await hello(config, 'strict')).toBe("hello it's me\n");
    expect(
      execFileSync('ssh', ['-F', config, '-o', 'BatchMode=yes', '-o', 'StrictHostKeyChecking=yes', 'node', 'echo ok'], {encoding: 'utf8'}),
    ).toBe('ok\n');
  });

  test('on its port is new, not changed, when the bare name has another key', async () => {
    const {config, known} = lab.config(sshd.port, {known: `127.0.0.1 ${lab.publicKey('id')}\n`});
    expect((await refusedBy(config)).failure.kind).toBe('host-key-unknown');
    expect(await hello(config, 'accept-new')).toBe("hello it's me\n");
    expect(readFileSync(known, 'utf8')).toContain(sshd.known());
  });

  test('is recorded once when many connect at the same time, also after a last line without its newline', async () => {
    const other = `other ${lab.publicKey('id')}`;
    const {config, known} = lab.config(sshd.port, {known: other});
    await Promise.all(Array.from({length: 6}, () => hello(config, 'accept-new')));
    expect(readFileSync(known, 'utf8')).toBe(`${other}\n${sshd.known()}`);
  });

  test('is not accepted on the word of a certificate authority, which is said', async () => {
    const {config} = lab.config(sshd.port, {known: `@cert-authority * ${lab.publicKey('id')}\n`});
    for (const mode of ['strict', 'accept-new'] as const) {
      const {failure} = await refusedBy(config, mode);
      expect(failure.kind).toBe('host-key-unknown');
      expect(failure.message).toMatch(/known_hosts-\d+:1 trusts a certificate authority/);
    }
  });

  test('is refused when its key cannot be recorded', async () => {
    const {config} = lab.config(sshd.port, {lines: ['UserKnownHostsFile none', `IdentityFile ${lab.path('id')}`, 'IdentityAgent none']});
    const log = await logOf(async () => expect((await refusedBy(config, 'accept-new')).failure.kind).toBe('host-key-unknown'));
    expect(log).not.toMatch(/Accepted|publickey/);
  });
});

describe('a host whose key is another than the one on file', () => {
  test.each(['strict', 'accept-new'] as const)('is refused (%s) before anything is offered to it', async (mode) => {
    const {config, known} = lab.config(sshd.port, {known: `# a comment\n[127.0.0.1]:${sshd.port} ${lab.publicKey('id')}\n`});
    const log = await logOf(async () => {
      const {failure} = await refusedBy(config, mode);
      expect(failure.kind).toBe('host-key-changed');
      expect(failure.message).toContain(`${known}:2 has ssh-ed25519 SHA256:`);
      expect(failure.message).toContain('attack');
      expect(failure.hint).toContain(`ssh-keygen -R '[127.0.0.1]:${sshd.port}' -f '${known}'`);
    });
    expect(log).toMatch(/Connection (from|closed|reset)|Received disconnect/);
    expect(log).not.toMatch(/userauth|publickey/);
  });

  test('counts as changed also when it shows another type than the one on file', async () => {
    const plain = await lab.sshd({hostKeys: ['ed25519']});
    const {config} = lab.config(plain.port, {known: `[127.0.0.1]:${plain.port} ${lab.publicKey(sshd.hostKeys.ecdsa)}\n`});
    expect((await refusedBy(config, 'accept-new')).failure.kind).toBe('host-key-changed');
  });
});

describe('a revoked key', () => {
  test('in known_hosts', async () => {
    const {config, known} = lab.config(sshd.port, {known: `${sshd.known()}@revoked * ${lab.publicKey(sshd.hostKeys.ed25519)}\n`});
    const {failure} = await refusedBy(config, 'accept-new');
    expect(failure.kind).toBe('host-key-revoked');
    expect(failure.message).toContain(`${known}:2`);
  });

  test.each(['list', 'krl'])('in RevokedHostKeys as a %s', async (form) => {
    const list = lab.write(lab.fresh('revoked'), `${lab.publicKey(sshd.hostKeys.ed25519)}\n`);
    const file = form === 'list' ? list : lab.path(lab.fresh('krl'));
    if (form === 'krl') execFileSync('ssh-keygen', ['-q', '-k', '-f', file, list]);
    const lines = [`RevokedHostKeys ${file}`, `IdentityFile ${lab.path('id')}`, 'IdentityAgent none'];
    expect((await refusedBy(lab.config(sshd.port, {known: sshd.known(), lines}).config)).failure.kind).toBe('host-key-revoked');
    expect(await hello(lab.config(sshd.port, {known: sshd.known('ecdsa'), lines}).config)).toBe("hello it's me\n");
  });
});
