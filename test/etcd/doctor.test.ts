import {execFile} from 'node:child_process';
import {mkdirSync, readFileSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {promisify} from 'node:util';
import {beforeAll, describe, expect, test} from 'vitest';
import type {NodeDump} from '../../src/core/node/dump.js';
import type {Lab} from '../../src/edge/lab/topology.js';
import {readSnapshot} from '../../src/edge/snapshots/read.js';
import {workFolder} from '../edited.js';
import {doctor, flanctl} from '../lab/flanctl.js';
import {labsWork, testLabs} from '../lab/in-lab.js';
import {etcdRoot, keysOf, objectsOf} from '../recorded.js';
import {type Etcd, startEtcd} from './server.js';

const run = promisify(execFile);

/** doctor beside a real etcd that holds what flannel would keep of a real lab, in flannel's own form. */
describe.runIf(labsWork)('leases in etcd beside the nodes', () => {
  const labs = testLabs();
  const folder = workFolder();
  let [lab, etcd, keys, dumps] = [] as unknown as [Lab, Etcd, Record<string, string>, readonly NodeDump[]];
  const subnet = (n: number) => `${etcdRoot}/subnets/10.244.${n}.0-24`;
  const source = () => ['--lab', lab.spec.name, '--etcd-endpoints', etcd.url];
  const put = async (key: string, value: string): Promise<void> => {
    const granted = /lease (\w+) granted/.exec(await etcd.ctl('lease', 'grant', '86400'))![1]!;
    await etcd.ctl('put', key, value, ...(key.endsWith('/config') ? [] : [`--lease=${granted}`]));
  };
  const judged = async (args: readonly string[] = source()) => {
    const {findings, code, gaps, notEvaluated} = await doctor(args);
    return {code, gaps, notEvaluated, findings: findings.map((f) => `${f.severity} ${f.rule}@${f.node}`)};
  };
  /** With another value for n2's lease, and the right one again afterwards. */
  const changed = async (edit: (lease: {[key: string]: unknown; BackendData: {[key: string]: unknown}}) => void) => {
    const lease = JSON.parse(keys[subnet(2)]!) as {BackendData: {[key: string]: unknown}};
    edit(lease);
    await put(subnet(2), JSON.stringify(lease));
    const found = await judged();
    await put(subnet(2), keys[subnet(2)]!);
    return found;
  };

  beforeAll(async () => {
    [lab, etcd] = await Promise.all([labs.up({name: 'et-vx', backend: 'vxlan', pods: 1}), startEtcd()]);
    const snapshot = folder.file('alone.ndjson');
    expect(await flanctl(['gather', '--lab', lab.spec.name, '--file', snapshot])).toMatchObject({code: 0});
    const read: NodeDump[] = [];
    for await (const dump of (await readSnapshot(snapshot)).nodes()) read.push(dump);
    dumps = read;
    keys = keysOf(dumps);
    for (const [key, value] of Object.entries(keys)) await put(key, value);
  });

  test('that say the same are healthy', async () => {
    expect(keys[subnet(2)]).toMatch(
      /^\{"PublicIP":"192\.168\.77\.12","PublicIPv6":null,"BackendType":"vxlan","BackendData":\{"VNI":1,"VtepMAC":"[0-9a-f:]{17}"\}\}$/,
    );
    expect(await judged()).toEqual({code: 0, findings: [], gaps: [], notEvaluated: []});
  });

  test('of which one was changed are found, whatever was changed', async () => {
    expect((await changed((lease) => (lease['PublicIP'] = '192.168.77.99'))).findings).toEqual(['warning lease-public-ip-stale@n2']);
    expect((await changed((lease) => (lease.BackendData['VtepMAC'] = '0a:00:00:00:00:99'))).findings).toEqual([
      'warning lease-vtepmac-mismatch@n2',
    ]);
    expect((await changed((lease) => (lease['BackendType'] = 'host-gw'))).findings).toEqual(['warning lease-backend-mixed@n2']);
    await etcd.ctl('del', subnet(2));
    expect((await judged()).findings).toEqual(['warning etcd-lease-lost@n2']);
    await put(`${etcdRoot}/subnets/10.244.9.0-24`, keys[subnet(2)]!);
    expect((await judged()).findings).toEqual(['warning lease-subnet-changed@n2']);
    await etcd.ctl('del', `${etcdRoot}/subnets/10.244.9.0-24`);
    await put(subnet(2), keys[subnet(2)]!);
    expect(await judged()).toMatchObject({code: 0, findings: []});
  });

  test('and that a node follows already cut it off', async () => {
    const mac = (JSON.parse(keys[subnet(2)]!) as {BackendData: {VtepMAC: string}}).BackendData.VtepMAC;
    const netns = lab.nodes[0]!.netns;
    await run('bridge', ['-n', netns, 'fdb', 'replace', mac, 'dev', 'flannel.1', 'dst', '192.168.77.99', 'self', 'permanent']);
    const found = await changed((lease) => (lease['PublicIP'] = '192.168.77.99'));
    await run('bridge', ['-n', netns, 'fdb', 'replace', mac, 'dev', 'flannel.1', 'dst', '192.168.77.12', 'self', 'permanent']);
    expect(found).toMatchObject({code: 1, findings: ['error lease-public-ip-stale@n2']});
  });

  test('make rows expected for a node that cannot be reached', async () => {
    const inventory = folder.file('two.yaml');
    writeFileSync(inventory, readFileSync(lab.inventory, 'utf8').replace(/^( *- name: n3\n(?: {4}.*\n)*?.*pid: )\d+/m, '$1999999'));
    const netns = lab.nodes[0]!.netns;
    await run('ip', ['-n', netns, 'route', 'del', '10.244.3.0/24']);
    const found = await judged(['--inventory', inventory, '--etcd-endpoints', etcd.url]);
    const alone = await judged(['--inventory', inventory]);
    await run('ip', ['-n', netns, 'route', 'add', '10.244.3.0/24', 'via', '10.244.3.0', 'dev', 'flannel.1', 'onlink']);
    expect(found).toMatchObject({code: 1, findings: ['error route-missing@n1']});
    expect(found.gaps).toMatchObject([{node: 'n3', what: 'node'}]);
    expect(alone.findings, 'which the nodes alone do not tell').toEqual([]);
  });

  test('are judged the same from a snapshot, and from files beside the nodes', async () => {
    await put(subnet(2), keys[subnet(2)]!.replace('192.168.77.12', '192.168.77.99'));
    const file = folder.file('with-etcd.ndjson');
    expect(await flanctl(['gather', ...source(), '--file', file])).toMatchObject({code: 0});
    await put(subnet(2), keys[subnet(2)]!);
    expect((await judged(['--snapshot', file])).findings).toEqual(['warning lease-public-ip-stale@n2']);

    const loose = (name: string, files: Record<string, string>): string => {
      const at = folder.file(name);
      for (const {node, sections} of dumps) {
        mkdirSync(join(at, node), {recursive: true});
        for (const s of sections)
          if (/^(ip-|bridge-fdb$|subnet\.env$)/.test(s.name))
            writeFileSync(join(at, node, s.name.includes('.') ? s.name : `${s.name}.txt`), s.out);
      }
      for (const [path, text] of Object.entries(files)) writeFileSync(join(at, path), text);
      return at;
    };
    const stale = {...keys, [subnet(2)]: keys[subnet(2)]!.replace('192.168.77.12', '192.168.77.99')};
    expect((await judged(['--snapshot', loose('etcd-folder', {'etcd.json': JSON.stringify(stale)})])).findings).toContain(
      'warning lease-public-ip-stale@n2',
    );
    const objects = objectsOf(dumps) as unknown as {nodes: {metadata: {name: string; annotations: Record<string, string>}}[]};
    objects.nodes[1]!.metadata.annotations['flannel.alpha.coreos.com/public-ip'] = '192.168.77.99';
    const nodes = {'nodes.json': JSON.stringify({kind: 'List', items: objects.nodes})};
    expect((await judged(['--snapshot', loose('node-folder', nodes)])).findings).toContain('warning lease-public-ip-stale@n2');
  });

  test('that cannot be read are a gap, and the nodes are judged without', async () => {
    await etcd.stop();
    const found = await judged();
    expect(found).toMatchObject({code: 3, findings: []});
    expect(found.gaps).toMatchObject([{why: expect.stringMatching(/etcd does not answer: .*connection refused/) as string}]);
  });
});
