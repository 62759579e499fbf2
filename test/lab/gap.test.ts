import {readFileSync} from 'node:fs';
import {afterAll, beforeAll, describe, expect, test} from 'vitest';
import {labDown} from '../../src/edge/lab/down.js';
import {runIn} from '../../src/edge/lab/exec.js';
import type {Lab} from '../../src/edge/lab/topology.js';
import {labUp} from '../../src/edge/lab/up.js';
import {doctor, flanctl} from './flanctl.js';

describe('a node that cannot be read does not stop the others', () => {
  const name = 'gap';
  let lab: Lab;
  beforeAll(async () => {
    lab = await labUp({name, ssh: true}, {replace: true});
  });
  afterAll(async () => {
    await labDown(name);
  });

  test('its sshd is killed in the middle of a gather: the gap is named, exit 3, within the time for one node', async () => {
    // The `ip` of n2 hangs, so that its session is surely under way when the server and its sessions are killed.
    const slow =
      'mkdir -p /run/slow && printf "#!/bin/sh\\nsleep 30\\n" > /run/slow/ip && chmod +x /run/slow/ip && mount --bind /run/slow/ip "$(command -v ip)"';
    expect(await runIn(lab, 'n2', ['sh', '-c', slow])).toMatchObject({code: 0});
    const started = Date.now();
    const run = doctor(['--lab', name, '--timeout', '10']);
    await new Promise((resolve) => setTimeout(resolve, 2500));
    const killed = await runIn(lab, 'n2', [
      'sh',
      '-c',
      'for p in /proc/[0-9]*; do read -r c < $p/comm; [ "$c" = sshd ] && kill -9 $(basename $p) && echo killed; done; true',
    ]);
    expect(killed.stdout).toContain('killed');
    const report = await run;
    expect(Date.now() - started).toBeLessThan(16_000);
    expect(report.code).toBe(3);
    expect(report.findings).toEqual([]);
    expect(report.gaps.filter((g) => g.what === 'node').map((g) => g.node)).toEqual(['n2']);
    const text = await flanctl(['show', 'nodes', '--lab', name, '--timeout', '5', '-o', 'json', '--quiet']);
    const rows = (JSON.parse(text.stdout) as {rows: {name: string; state: string}[]}).rows;
    expect(rows.map((r) => [r.name, r.state])).toEqual([
      ['n1', 'read'],
      ['n2', 'unreadable'],
      ['n3', 'read'],
    ]);
    expect(text.code).toBe(3);
  });

  test('a node that hangs is given up after its time, and the rest is judged', async () => {
    const started = Date.now();
    const report = await doctor(['--lab', name, '--timeout', '3']);
    expect(Date.now() - started).toBeLessThan(12_000);
    expect(report.code).toBe(3);
    expect(report.gaps.some((g) => g.node === 'n2' && g.what === 'node')).toBe(true);
  });

  test('the inventory that the lab wrote is one that people could have written', () => {
    expect(readFileSync(lab.inventory, 'utf8')).toContain('kind: Inventory');
  });
});
