import {createServer} from 'node:net';
import {afterAll, describe, expect, test} from 'vitest';
import type {EtcdFlags} from '../../src/edge/record-flags.js';
import {openEtcd} from '../../src/edge/sources/etcd.js';
import {ExitCode} from '../../src/exit-code.js';
import {Failure} from '../../src/failure.js';
import {certificates, type Etcd, freePorts, startEtcd} from './server.js';

const root = '/coreos.com/network';
const conf = '{"Network":"10.5.0.0/16","Backend":{"Type":"vxlan"}}';
const value = (ip: string) =>
  `{"PublicIP":"${ip}","PublicIPv6":null,"BackendType":"vxlan","BackendData":{"VNI":1,"VtepMAC":"8a:be:b3:26:bc:c4"}}`;
const open = (flags: EtcdFlags, password?: string) => openEtcd(flags, {signal: new AbortController().signal, timeoutMs: 20_000, password});
const failing = async (flags: EtcdFlags, password?: string): Promise<{message: string; exit: ExitCode}> => {
  try {
    await open(flags, password);
  } catch (error) {
    if (error instanceof Failure) return {message: [error.message, ...error.hints].join('\n'), exit: error.exit};
    throw error;
  }
  throw new Error('it did not fail');
};

/** As flanneld of today writes: the lease's key expires with an etcd lease. */
async function filled(etcd: Etcd): Promise<void> {
  const granted = /lease (\w+) granted/.exec(await etcd.ctl('lease', 'grant', '86400'))![1]!;
  await etcd.ctl('put', `${root}/config`, conf);
  await etcd.ctl('put', `${root}/subnets/10.5.52.0-24`, value('192.0.2.1'), `--lease=${granted}`);
  await etcd.ctl('put', `${root}/subnets/10.5.53.0-24&fc00:0:0:1::-64`, value('192.0.2.2'));
  await etcd.ctl('put', '/coreos.com/network0/subnets/10.9.9.0-24', value('192.0.2.9'));
}

describe('the v3 API', () => {
  let etcd: Etcd;
  test('is read, with the time each lease has left', async () => {
    etcd = await startEtcd();
    await filled(etcd);
    const records = await open({'etcd-endpoints': [etcd.url]});
    expect(records).toMatchObject({
      source: 'etcd',
      from: `etcd ${etcd.url}`,
      keyPrefix: root,
      gaps: [],
      netConf: {text: conf, parsed: {ok: true}},
    });
    expect(records.problems).toBeUndefined();
    expect(records.nodes.map((n) => [n.lease.subnet, n.lease.ipv6Subnet, n.lease.publicIP, typeof n.lease.ttl])).toEqual([
      ['10.5.52.0/24', undefined, '192.0.2.1', 'number'],
      ['10.5.53.0/24', 'fc00:0:0:1::/64', '192.0.2.2', 'string'],
    ]);
    expect(records.nodes[0]!.lease.ttl).toBeGreaterThan(86_000);
    expect(records.nodes[0]!.lease.ttl).toBeLessThanOrEqual(86_400);
    expect(records.nodes[1]!.lease.ttl).toBe('none');
    expect(Number(records.netConf!.version)).toBeGreaterThan(1);
  });

  test('is asked at the next endpoint when one is dead, and it is said which answered', async () => {
    const [dead] = await freePorts(1);
    const records = await open({'etcd-endpoints': [`127.0.0.1:${dead}`, etcd.url]});
    expect(records.nodes).toHaveLength(2);
    expect(records.problems).toEqual([`etcd http://127.0.0.1:${dead}: connection refused; ${etcd.url} answered`]);
  });

  test('one that takes connections and says nothing leaves time for the next', async () => {
    const mute = createServer(() => undefined);
    await new Promise<void>((resolve) => mute.listen(0, '127.0.0.1', resolve));
    afterAll(() => mute.close());
    const silent = `http://127.0.0.1:${(mute.address() as {port: number}).port}`;
    const records = await openEtcd({'etcd-endpoints': [silent, etcd.url]}, {signal: new AbortController().signal, timeoutMs: 2000});
    expect(records.problems).toEqual([`etcd ${silent}: no answer within 1 s; ${etcd.url} answered`]);
  });

  test('with nothing of flannel under the prefix', async () => {
    expect(await failing({'etcd-endpoints': [etcd.url], 'etcd-prefix': '/nowhere'})).toEqual({
      message: expect.stringMatching(/holds nothing under \/nowhere, in the v3 and the v2 API\n--etcd-prefix/) as string,
      exit: ExitCode.usage,
    });
  });

  test('with a login', async () => {
    for (const command of [
      'user add root:secret',
      'user add reader:word',
      'role add leases',
      `role grant-permission leases read --prefix=true ${root}/`,
      'user grant-role root root',
      'user grant-role reader leases',
      'user add stranger:word',
      'auth enable',
    ])
      await etcd.ctl(...command.split(' '));
    const at = {'etcd-endpoints': [etcd.url]};
    expect((await open({...at, 'etcd-username': 'reader'}, 'word')).nodes).toHaveLength(2);
    expect(await failing({...at, 'etcd-username': 'reader'}, 'wrong')).toMatchObject({
      message: expect.stringMatching(/the user name or the password is not right/) as string,
      exit: ExitCode.usage,
    });
    expect((await failing({...at, 'etcd-username': 'stranger'}, 'word')).message).toMatch(/does not let this user read/);
    expect((await failing(at)).message).toMatch(/wants a user/);
    expect((await failing({...at, 'etcd-username': 'reader'})).message).toMatch(/needs a password/);
  });
});

test('the v2 API is read where v3 has nothing, as flannel before v0.18 keeps it', async () => {
  const etcd = await startEtcd({v2: true});
  await etcd.ctlV2('set', `${root}/config`, conf);
  await etcd.ctlV2('set', `${root}/subnets/10.5.52.0-24`, value('192.0.2.1'), '--ttl', '80000');
  await etcd.ctlV2('set', `${root}/subnets/10.5.53.0-24`, value('192.0.2.2'));
  const records = await open({'etcd-endpoints': [etcd.url]});
  expect(records).toMatchObject({from: `etcd ${etcd.url} (v2 API)`, netConf: {text: conf}});
  expect(records.problems).toBeUndefined();
  expect(records.nodes.map((n) => [n.lease.subnet, typeof n.lease.ttl, n.lease.ttl === 'none'])).toEqual([
    ['10.5.52.0/24', 'number', false],
    ['10.5.53.0/24', 'string', true],
  ]);
  await etcd.ctl('put', `${root}/subnets/10.5.60.0-24`, value('192.0.2.3'));
  expect((await open({'etcd-endpoints': [etcd.url]})).problems).toEqual([
    `etcd has keys under ${root} in both APIs: those of v2 are taken, since v3 has no config`,
  ]);
});

test('with TLS and client certificates; what is wrong with them is said', async () => {
  const [pki, others] = [certificates('server', 'client'), certificates('client')];
  const etcd = await startEtcd({pki});
  await filled(etcd);
  const port = new URL(etcd.url).port;
  const ours = {
    'etcd-endpoints': [`127.0.0.1:${port}`],
    'etcd-cafile': pki.ca,
    'etcd-certfile': pki.cert('client'),
    'etcd-keyfile': pki.key('client'),
  };
  expect(await open(ours)).toMatchObject({from: `etcd ${etcd.url}`, nodes: [{}, {}]});
  expect(await failing({...ours, 'etcd-cafile': others.ca})).toEqual({
    message: expect.stringMatching(/is not signed by the CA we were given/) as string,
    exit: ExitCode.incomplete,
  });
  expect((await failing({...ours, 'etcd-certfile': others.cert('client'), 'etcd-keyfile': others.key('client')})).message).toMatch(
    /refuses our client certificate, or misses one \(alert bad certificate\)/,
  );
  expect((await failing({'etcd-endpoints': [etcd.url], 'etcd-cafile': pki.ca})).message).toMatch(
    /refuses our client certificate, or misses one \(alert bad certificate\)/,
  );
  expect((await failing({'etcd-endpoints': [`http://127.0.0.1:${port}`]})).message).toMatch(/https on one side and http on the other/);
  expect((await failing({...ours, 'etcd-keyfile': undefined})).message).toMatch(/belong together/);
  expect((await failing({...ours, 'etcd-cafile': '/nonexistent'})).message).toMatch(/--etcd-cafile: cannot read/);
});

test('flags that cannot be meant', async () => {
  expect((await failing({'etcd-endpoints': ['ftp://x']})).message).toMatch(/not an endpoint/);
  expect((await failing({'etcd-endpoints': ['http://a:b@x:1']})).message).toMatch(/must not hold a password/);
  expect((await failing({})).message).toMatch(/names none/);
  const [dead] = await freePorts(1);
  expect(await failing({'etcd-endpoints': [`http://127.0.0.1:${dead}`]})).toEqual({
    message: expect.stringMatching(/^etcd does not answer: http:\/\/127.0.0.1:\d+: connection refused/) as string,
    exit: ExitCode.incomplete,
  });
});
