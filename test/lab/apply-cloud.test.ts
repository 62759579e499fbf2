import {beforeAll, describe, expect, test} from 'vitest';
import {runIn} from '../../src/edge/lab/exec.js';
import type {Lab} from '../../src/edge/lab/topology.js';
import {flanctl} from './flanctl.js';
import {labsWork, testLabs} from './in-lab.js';

describe.runIf(labsWork)('apply in a cloud', () => {
  const labs = testLabs();
  let lab: Lab;
  const at = ['--lab', 'ap-cloud'];
  const sh = async (line: string): Promise<string> => {
    const ran = await runIn(lab, 'n1', `set -e\n${line}\n`);
    expect(ran.code, ran.stderr).toBe(0);
    return ran.stdout;
  };
  const rows = (): Promise<string> =>
    sh('ip rule; ip route show table main; ip route show table 100; ip -n n1-p1 neigh show nud permanent');
  beforeAll(async () => {
    lab = await labs.up({name: 'ap-cloud', backend: 'tke-vpc-cni', nodes: 2, pods: 2});
  });

  test('a table that its interface emptied, rules, a route and a neighbour that are gone: written again, in one change', async () => {
    const [first, second] = lab.nodes[0]!.pods.map((p) => p.ip);
    const before = await rows();
    await sh(
      `ip rule del to ${first}; ip rule del from ${second}; ip route flush table 100; ip route del ${second}; ip -n n1-p1 neigh del 169.254.1.1 dev eth0`,
    );
    const ran = await flanctl(['apply', ...at, '--yes', '-o', 'json']);
    expect(ran.code, ran.stderr).toBe(0);
    expect(JSON.parse(ran.stdout)).toMatchObject({kind: 'ChangeReport', outcome: 'done'});
    const sorted = (text: string): readonly string[] =>
      text
        .split('\n')
        .map((l) => l.trim())
        .toSorted();
    expect(sorted(await rows())).toEqual(sorted(before));
    const {routesFile, enisFile} = lab.cloud!;
    expect((await flanctl(['doctor', ...at, '--cloud-routes', routesFile, '--cloud-enis', enisFile])).stdout).toMatch(/healthy/);
  }, 150_000);

  test('what works loses nothing of a repair beside it, and rollback takes exactly that away again', async () => {
    const [, second] = lab.nodes[0]!.pods.map((p) => p.ip);
    await sh(`ip rule del from ${second}`);
    const broken = await rows();
    const ran = await flanctl(['apply', ...at, '--yes', '-o', 'json']);
    expect(ran.code, ran.stderr).toBe(0);
    const report = JSON.parse(ran.stdout) as {
      readonly id: string;
      readonly ledger: {readonly total: {readonly lost: number; readonly sent: number}};
    };
    expect(report.ledger.total.lost).toBe(0);
    expect(report.ledger.total.sent).toBeGreaterThan(0);
    expect(await rows()).toContain(`from ${second} lookup 100`);
    const back = await flanctl(['rollback', report.id, ...at, '--yes']);
    expect(back.code, back.stderr).toBe(0);
    expect(await rows()).toBe(broken);
  }, 150_000);
});
