import {execFileSync} from 'node:child_process';
import {mkdtempSync, readFileSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {afterAll, describe, expect, test} from 'vitest';
import {stagesOf} from '../../src/edge/change/stages.js';
import {formed} from '../forms/form.js';
import {mustPlan, see, target} from './planned.js';

const folder = mkdtempSync(join(tmpdir(), 'flanctl-shaken-'));
afterAll(() => rmSync(folder, {recursive: true, force: true}));
const said = join(folder, 'said');
const program = (name: string, text: string) => writeFileSync(join(folder, name), `#!/bin/sh\n${text}\n`, {mode: 0o755});

/** flips' first words on the way back, where flanneld has made the device anew. */
describe('before a route leads back into WireGuard', () => {
  const undo = async (backend: string, control: 'none' | {by: string; netConf: unknown}) => {
    const seen = see(await formed({backend, version: 'v0.28.9', dual: backend === 'wireguard'}));
    const plan = mustPlan(seen, target({Type: 'host-gw'}), {podMtu: 'set', control});
    return stagesOf(plan).flatMap((s) => (s.phase === 'flip' ? s.work.map((w) => w.undo[0]!) : []));
  };
  const run = (line: string): readonly string[] => {
    writeFileSync(said, '');
    execFileSync('sh', ['-e', '-s'], {input: line, env: {...process.env, PATH: `${folder}:${process.env['PATH']}`}});
    return readFileSync(said, 'utf8').split('\n').filter(Boolean).toSorted();
  };

  test('peers without a handshake get echo requests until they have one, the others none', async () => {
    const batches = await undo('wireguard', {by: 'systemd', netConf: {Network: '10.244.0.0/16', Backend: {Type: 'wireguard'}}});
    const lines = batches.flatMap((b) => b.lines);
    expect(new Set(batches.map((b) => b.tool))).toEqual(new Set(['sh']));
    expect(new Set(lines).size).toBe(1);
    program('sleep', ':');
    // Two peers on each device; the second has spoken, and the first does so after two rounds.
    program(
      'wg',
      `case $3 in
  latest-handshakes) rounds=$(grep -c "^$2 " ${said}); [ "$rounds" -ge 2 ] && at=1 || at=0; printf 'A=\\t%s\\nB=\\t17\\n' $at ;;
  allowed-ips) case $2 in *6) printf 'A=\\tfd44:0:0:2::/64\\nB=\\tfd44:0:0:3::/64\\n' ;; *) printf 'A=\\t10.244.2.0/24 fd44::/64\\nB=\\t10.244.3.0/24\\n' ;; esac ;;
esac`,
    );
    program('ping', `while [ "$1" != -I ]; do shift; done; echo "$2 $3" >>${said}`);
    expect(run(lines[0]!)).toEqual([
      'flannel-wg 10.244.2.0',
      'flannel-wg 10.244.2.0',
      'flannel-wg-v6 fd44:0:0:2::',
      'flannel-wg-v6 fd44:0:0:2::',
    ]);
    program('wg', "printf 'A=\\t0\\n'");
    expect(run(lines[0]!), 'and the way back goes on where nobody answers').toHaveLength(10);
    program('wg', 'exit 1');
    expect(run(lines[0]!)).toEqual([]);
  });

  test('nothing of the kind where no flanneld runs, or the device stays', async () => {
    for (const found of [await undo('wireguard', 'none'), await undo('vxlan', {by: 'systemd', netConf: {Backend: {Type: 'vxlan'}}})])
      expect(found.map((b) => b.lines[0])).toEqual(found.map(() => expect.stringMatching(/^-?(4|6)? ?route|^route|^-6 route/)));
  });
});
