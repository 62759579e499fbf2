import {writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {beforeAll, describe, expect, test} from 'vitest';
import {runIn} from '../../src/edge/lab/exec.js';
import {defaultSpec, type Lab} from '../../src/edge/lab/topology.js';
import {findings, folder, lost, settle} from './apply-faults.js';
import {flanctl} from './flanctl.js';
import {labsWork, testLabs} from './in-lab.js';

describe.runIf(labsWork)('apply', () => {
  const labs = testLabs();

  describe('the command', () => {
    let lab: Lab;
    const at = ['--lab', 'ap-cmd'];
    const sh = async (node: string, line: string) => {
      const ran = await runIn(lab, node, `set -e\n${line}\n`);
      expect(ran.code, ran.stderr).toBe(0);
      return ran.stdout;
    };
    const routes = (node: string) =>
      sh(node, 'ip route show; ip -6 route show; ip neigh show nud permanent; bridge fdb show dev flannel.1 || :');
    beforeAll(async () => {
      lab = await labs.up({name: 'ap-cmd', backend: 'vxlan'});
    });

    test('with nothing to do it says so and ends well', async () => {
      const ran = await flanctl(['apply', ...at, '--yes']);
      expect(ran).toMatchObject({code: 0});
      expect(ran.stdout).toMatch(/nothing to do/);
    });

    test('a dry run changes nothing, its plan repairs, and a plan is stale once it ran', async () => {
      await sh('n1', 'ip route del 10.244.2.0/24');
      const before = await routes('n1');
      const dry = await flanctl(['apply', ...at, '--dry-run', '-o', 'json']);
      expect(dry.code, dry.stderr).toBe(0);
      expect(await routes('n1')).toBe(before);
      const table = await flanctl(['apply', ...at, '--dry-run']);
      expect(table.stdout).toContain('ip route replace 10.244.2.0/24 via 10.244.2.0 dev flannel.1 onlink');
      expect(table.stdout).toContain('undo: ip route del 10.244.2.0/24 via 10.244.2.0 dev flannel.1 proto boot');
      const file = join(folder, 'plan.json');
      writeFileSync(file, dry.stdout);
      const ran = await flanctl(['apply', ...at, '--plan', file, '--yes', '-o', 'json']);
      expect(ran.code, ran.stderr).toBe(0);
      expect(JSON.parse(ran.stdout)).toMatchObject({kind: 'ChangeReport', outcome: 'done'});
      expect(await routes('n1')).toContain('10.244.2.0/24 via 10.244.2.0 dev flannel.1 onlink');
      const stale = await flanctl(['apply', ...at, '--plan', file, '--yes']);
      expect(stale.code).toBe(1);
      expect(stale.stderr).toMatch(/stale/);
      expect(stale.stderr).toContain('n1: route 10.244.2.0/24 via 10.244.2.0 dev flannel.1 onlink is there');
    });

    test('a plan whose words would become other commands is refused', async () => {
      await sh('n1', 'ip route del 10.244.2.0/24');
      const dry = await flanctl(['apply', ...at, '--dry-run', '-o', 'json']);
      const file = join(folder, 'evil.json');
      writeFileSync(file, dry.stdout.replaceAll('"flannel.1"', '"flannel.1\\nlink del eth0"'));
      const ran = await flanctl(['apply', ...at, '--plan', file, '--yes']);
      expect(ran.code).toBe(2);
      expect(ran.stderr).toMatch(/no plan that can be run/);
      expect((await flanctl(['apply', ...at, '--yes'])).code).toBe(0);
    });

    test('without a terminal it needs a yes', async () => {
      await sh('n1', 'ip route del 10.244.2.0/24');
      const ran = await flanctl(['apply', ...at]);
      expect(ran.code).toBe(2);
      expect(ran.stderr).toMatch(/--yes/);
      expect(await routes('n1')).not.toContain('10.244.2.0/24');
      expect((await flanctl(['apply', ...at, '--yes'])).code).toBe(0);
    });

    test('what cannot be taken back is refused unless its node is named', async () => {
      await sh('n1', 'ip link del flannel.1; ip link add flannel.1 type bridge; ip link set flannel.1 up');
      const ran = await flanctl(['apply', ...at, '--yes']);
      expect(ran.code).toBe(1);
      expect(ran.stdout).toMatch(/cannot make a bridge device again/);
      expect(await sh('n1', 'ip -d link show flannel.1')).toContain('bridge');
      const accepted = await flanctl(['apply', ...at, '--yes', '--accept-irreversible', 'n1']);
      expect(accepted.code, accepted.stdout + accepted.stderr).toBe(0);
      await settle(lab);
      expect(await findings(lab)).toEqual([]);
      expect(await lost(lab)).toEqual([]);
    });

    test('--prune takes what flannel wrote and nobody asks for, and nothing else', async () => {
      const foreign = [
        'ip route add 10.244.7.0/25 via 192.168.77.12 dev eth0',
        'ip route add 10.244.88.0/24 via 192.168.77.12 dev eth0 proto static metric 7',
        'ip route add 172.30.0.0/16 via 192.168.77.12 dev eth0',
        'ip addr add 172.31.0.1/32 dev flannel.1',
        'ip link add flannel-like type bridge',
        'bridge fdb append 00:00:00:00:00:00 dev flannel.1 dst 192.168.77.13',
      ];
      const ours = [
        'ip route add 10.244.99.0/24 via 10.244.99.0 dev flannel.1 onlink',
        'ip neigh add 10.244.99.0 lladdr 02:00:00:00:00:99 dev flannel.1 nud permanent',
        'bridge fdb add 02:00:00:00:00:99 dev flannel.1 dst 192.168.77.99 self permanent',
      ];
      await sh('n1', foreign.join('\n'));
      const before = await routes('n1');
      await sh('n1', ours.join('\n'));
      const without = await flanctl(['apply', ...at, '--yes']);
      expect(without.code).toBe(0);
      expect(without.stdout).toContain('--prune takes it away');
      expect((await flanctl(['apply', ...at, '--yes', '--prune'])).code).toBe(0);
      expect(await routes('n1')).toBe(before);
      expect(await sh('n1', 'ip addr show flannel.1; ip link show flannel-like')).toContain('172.31.0.1/32');
      await sh(
        'n1',
        'ip route del 10.244.7.0/25; ip route del 10.244.88.0/24; ip route del 172.30.0.0/16; ip addr del 172.31.0.1/32 dev flannel.1',
      );
      await sh('n1', 'ip link del flannel-like; bridge fdb del 00:00:00:00:00:00 dev flannel.1 dst 192.168.77.13');
    });
  });

  describe.each([
    ...(process.env['FLANCTL_TEST_LONG'] ? [['1', 'vxlan', {}, false] as const] : []),
    ['2', 'vxlan', {}, true],
    ['3', 'vxlan', {directRouting: true, underlay: 'routed', nodes: 4}, true],
    ['4', 'host-gw', {}, true],
  ] as const)('provisions (%s) %s %j, dual-stack %s', (number, backend, more, dualStack) => {
    test('on nodes that hold nothing of flannel', async () => {
      const name = `ap-prov${number}`;
      const lab = await labs.up({...defaultSpec, name, backend, dualStack, pods: 1, ...more});
      for (const node of lab.nodes) {
        const lines = [
          'for d in flannel.1 flannel-v6.1; do ip link del $d 2>/dev/null || :; done',
          "ip -o route show | grep ' via 192.168' | grep '^10.244' | while read -r p x; do ip route del $p; done",
          "ip -6 -o route show | grep ' via fd77' | grep '^fd44' | while read -r p x; do ip -6 route del $p; done",
          ...(node.name === 'n1' ? ['rm /run/flannel/subnet.env'] : []),
        ];
        expect((await runIn(lab, node.name, lines.join('\n'))).code).toBe(0);
      }
      expect((await lost(lab)).length).toBeGreaterThan(0);
      const made = await flanctl(['apply', '--lab', name, '--backend', backend, '--yes']);
      expect(made.code, made.stdout + made.stderr).toBe(0);
      await settle(lab);
      expect(await lost(lab)).toEqual([]);
      expect((await runIn(lab, 'n1', 'cat /run/flannel/subnet.env')).stdout).toContain('FLANNEL_SUBNET=10.244.1.1/24');
      const again = await flanctl(['apply', '--lab', name, '--backend', backend, '--yes']);
      expect(again.stdout).toMatch(/nothing to do/);
      expect(again.code).toBe(0);
    });
  });
});
