import {cp, readFile, writeFile} from 'node:fs/promises';
import {join} from 'node:path';
import {describe, expect, test} from 'vitest';
import type {NodeRecord, Records} from '../../src/core/flannel/records.js';
import type {Given} from '../../src/core/model/cluster.js';
import {rules} from '../../src/core/rules/index.js';
import {diagnose} from '../../src/edge/diagnose.js';
import {importFolder} from '../../src/edge/snapshots/import.js';
import {workFolder} from '../edited.js';

/** Listings as the articles print them: no details of devices, and of each node what its author happened to show. */
const seeds = join(import.meta.dirname, '../outputs/seeds-folders');
const work = workFolder();

const examined = async (path: string, given: Given = {}) => {
  const snapshot = await importFolder(path);
  const {cluster, findings, gaps} = await diagnose(snapshot, given, rules);
  return {
    notices: snapshot.notices,
    mode: cluster.mode?.type,
    networks: cluster.networks,
    problems: cluster.problems,
    addresses: cluster.members.map((m) => [m.name, m.addresses?.join()]),
    findings: findings.map((f) => `${f.rule} ${f.node}`),
    gaps: gaps.map((g) => `${g.node} ${g.what}`),
    members: cluster.members.map((m) => [m.name, m.lease?.subnet ?? m.pods?.join(' ')]),
  };
};

describe('doctor finds nothing wrong in the listings of the articles', () => {
  test.each([
    [
      'tke-global-router',
      'tke-global-router',
      [
        ['VM-0-29', '172.20.0.0/26'],
        ['VM-0-37', '172.20.0.64/26'],
      ],
    ],
    [
      'tke-vpc-cni',
      'tke-vpc-cni-shared',
      [
        ['VM-0-40', '10.0.0.30 10.0.0.35'],
        ['VM-0-49', '10.0.0.41 10.0.0.44'],
      ],
    ],
    ['docker0-host-gw', 'host-gw', [['node-22', undefined]]],
    ['tencent-vpc', 'tencent-vpc', [['node-22', undefined]]],
    ['udp', 'udp', [['node2', undefined]]],
  ] as const)('%s', async (folder, mode, members) => {
    const found = await examined(join(seeds, folder));
    expect(found).toMatchObject({mode, findings: [], notices: [], members});
    // What they do not print is said, and nothing else is.
    expect(found.gaps.filter((g) => !/ip-(addr|link)$/.test(g))).toEqual([]);
  });
});

describe('and finds what is taken out of them', () => {
  const edited = async (name: string, file: string, change: (text: string) => string): Promise<string> => {
    const to = join(work.at, name);
    await cp(join(seeds, 'tke-vpc-cni'), to, {recursive: true});
    const path = join(to, 'VM-0-49', file);
    const text = await readFile(path, 'utf8');
    expect(change(text)).not.toBe(text);
    await writeFile(path, change(text));
    return to;
  };
  test.each([
    ['512', 'ip-rule.txt', /^512:.*10\.0\.0\.44.*\n/m, 'vpc-rule-to-pod-missing'],
    ['1536', 'ip-rule.txt', /^1536:.*10\.0\.0\.44.*\n/m, 'vpc-rule-from-pod-missing'],
  ])('the rule %s of a pod', async (name, file, line, rule) => {
    const {findings} = await examined(await edited(name, file, (t) => t.replace(line, '')));
    expect(findings).toEqual([`${rule} VM-0-49`]);
  });
  test('a table that rules lead to and nobody listed is no empty one', async () => {
    const to = join(work.at, 'unlisted');
    await cp(join(seeds, 'tke-vpc-cni'), to, {recursive: true, filter: (from) => !from.endsWith('ip-route-100.txt')});
    const {findings, gaps} = await examined(to);
    expect(findings).toEqual([]);
    expect(gaps).toContain('VM-0-49 table 100');
  });
  test('a table’s listing without main’s beside it is passed over, and said so', async () => {
    const to = join(work.at, 'alone');
    await cp(join(seeds, 'tke-vpc-cni'), to, {recursive: true, filter: (from) => !from.endsWith('ip-route-main.txt')});
    expect((await examined(to)).notices).toEqual([
      'VM-0-49/ip-route-100.txt was passed over: it needs ip-route.txt, the listing of main, beside it',
    ]);
  });
});

describe('with what the API server says, where no node carries flannel’s annotations', () => {
  const node = (name: string, address: string, podCIDR?: string): NodeRecord => ({
    name,
    lease: {managed: false, raw: {}, problems: [], ...(podCIDR !== undefined && {subnet: podCIDR})},
    ...(podCIDR !== undefined && {podCIDRs: [podCIDR]}),
    addresses: [{type: 'InternalIP', address}],
    ready: true,
  });
  const records = (nodes: readonly NodeRecord[], pods: Records['pods'] = []): Records => ({
    ...{source: 'kubernetes', from: 'nodes.json', annotationPrefix: 'flannel.alpha.coreos.com/'},
    ...{nodes, daemonSets: [], flannelPods: [], pods, gaps: []},
  });
  test('Global Router: parts are podCIDRs, and a node nobody read is one of them', async () => {
    const found = await examined(join(seeds, 'tke-global-router'), {
      records: records([
        node('VM-0-29', '10.0.0.29', '172.20.0.0/26'),
        node('VM-0-37', '10.0.0.37', '172.20.0.64/26'),
        node('VM-0-44', '10.0.0.44', '172.20.0.128/26'),
      ]),
    });
    expect(found).toMatchObject({findings: [], problems: [], mode: 'tke-global-router', networks: ['172.20.0.0/24']});
    expect(found.members).toEqual([
      ['VM-0-29', '172.20.0.0/26'],
      ['VM-0-37', '172.20.0.64/26'],
      ['VM-0-44', '172.20.0.128/26'],
    ]);
    expect(found.addresses).toEqual([
      ['VM-0-29', '10.0.0.29'],
      ['VM-0-37', '10.0.0.37'],
      ['VM-0-44', '10.0.0.44'],
    ]);
  });
  test('VPC-CNI: pods are those of the API server too', async () => {
    const pod = (name: string, on: string, ip: string) => ({
      ...{namespace: 'default', name, node: on, hostNetwork: false, phase: 'Running', ips: [ip]},
    });
    const found = await examined(join(seeds, 'tke-vpc-cni'), {
      records: records(
        [node('VM-0-40', '10.0.0.22'), node('VM-0-49', '10.0.0.49'), node('VM-0-50', '10.0.0.50')],
        [
          pod('network-tool-549c7756bd-6tfkf', 'VM-0-49', '10.0.0.44'),
          pod('other', 'VM-0-49', '10.0.0.41'),
          pod('far', 'VM-0-50', '10.0.0.70'),
          pod('a', 'VM-0-40', '10.0.0.30'),
          pod('b', 'VM-0-40', '10.0.0.35'),
        ],
      ),
    });
    expect(found).toMatchObject({findings: [], problems: [], mode: 'tke-vpc-cni-shared'});
    expect(found.members).toEqual([
      ['VM-0-40', '10.0.0.30 10.0.0.35'],
      ['VM-0-49', '10.0.0.41 10.0.0.44'],
      ['VM-0-50', '10.0.0.70'],
    ]);
  });
});
