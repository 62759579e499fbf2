import {join} from 'node:path';
import {describe, expect, test} from 'vitest';
import {workFolder} from '../edited.js';
import {flanctl} from '../lab/flanctl.js';

/** Listings as people paste them, one node of a cluster: what is in them is shown, and what is not is not made up. */
const work = workFolder();
const folder = (name: string): string => join(import.meta.dirname, '../outputs/seeds-folders', name);
const run = (args: readonly string[]) => flanctl(args, {XDG_CONFIG_HOME: work.at}, work.at);
const row = (ran: {stdout: string}, ...cells: readonly string[]) =>
  expect(ran.stdout.split('\n').map((l) => l.split(/\s{2,}/))).toContainEqual(cells);

describe.each([
  ['vxlan', ['10.244.1.0', 'flannel.1', 'onlink'], ['10.244.2.0', 'flannel.1', 'onlink']],
  ['host-gw', ['192.168.31.63', 'ens33', '-'], ['192.168.31.61', 'ens33', '-']],
] as const)('the %s listings', (name, one, two) => {
  test('doctor ends with 3: nothing wrong in them, and not everything could be seen', async () => {
    const ran = await run(['doctor', '--snapshot', folder(name), '-o', 'json']);
    const report = JSON.parse(ran.stdout) as {
      findings: unknown[];
      notEvaluated: {rule: string; missing: string[]}[];
      cluster: {mode: string; nodes: {name: string}[]};
    };
    expect({code: ran.code, findings: report.findings, mode: report.cluster.mode}).toEqual({code: 3, findings: [], mode: name});
    expect(report.cluster.nodes.map((n) => n.name)).toEqual(['k8s-node2']);
    expect(report.notEvaluated.flatMap((n) => n.missing)).toEqual(
      expect.arrayContaining(['sysctl', 'link', 'address', 'the lease of k8s-node2']),
    );
    expect((await run(['doctor', '--snapshot', folder(name)])).stdout).toMatch(
      /\? nothing wrong in what could be seen {2}\(\d+ rules on 1 node; exit 3\)/,
    );
  });

  test('show routes prints them', async () => {
    const ran = await run(['show', 'routes', '--snapshot', folder(name)]);
    expect(ran.code).toBe(0);
    row(ran, 'k8s-node2', 'main', 'unicast', 'default', '192.168.31.1', 'ens33', '100', 'static', '-');
    row(ran, 'k8s-node2', 'main', 'unicast', '10.244.0.0/24', '-', 'cni0', '0', 'kernel', '-');
    for (const [n, [gateway, dev, flags]] of [
      [1, one],
      [2, two],
    ] as const)
      row(ran, 'k8s-node2', 'main', 'unicast', `10.244.${n}.0/24`, gateway, dev, '0', '-', flags);
    expect(ran.stdout.trimEnd().split('\n')).toHaveLength(name === 'vxlan' ? 5 : 6);
  });
});

test('show neigh and fdb print the tunnel’s rows', async () => {
  row(
    await run(['show', 'neigh', '--snapshot', folder('vxlan')]),
    'k8s-node2',
    '10.244.2.0',
    'flannel.1',
    'd2:d0:1b:a7:a9:cd',
    'PERMANENT',
  );
  row(
    await run(['show', 'fdb', '--snapshot', folder('vxlan')]),
    'k8s-node2',
    'ca:2a:a4:59:b6:55',
    'flannel.1',
    '192.168.31.63',
    '-',
    '-',
    'permanent',
    'self',
  );
});
