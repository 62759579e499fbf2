import {writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {expect, test} from 'vitest';
import {runIn} from '../../src/edge/lab/exec.js';
import type {TraceReport} from '../../src/edge/reporters/documents.js';
import {flanctl} from './flanctl.js';
import {labsWork, testLabs} from './in-lab.js';

const labs = testLabs();

/** An account that may do nothing by itself, and everything by sudo; on the node's own /etc, which is links to this machine's. */
const ACCOUNT = `set -e
for file in passwd shadow; do cp /etc/$file /etc/$file.own; rm -f /etc/$file; mv /etc/$file.own /etc/$file; done
echo 'operator:x:47120:47120::/tmp:/bin/sh' >>/etc/passwd
echo 'operator:*:19000:0:99999:7:::' >>/etc/shadow
rm -f /etc/sudoers
echo 'operator ALL=(ALL) NOPASSWD: ALL' >/etc/sudoers
chmod 440 /etc/sudoers
chmod 600 /etc/shadow
chmod 644 /run/lab/ssh/authorized_keys`;

test.skipIf(!labsWork)(
  'trace --probe and --capture over ssh, as a user who needs sudo for all of it',
  async () => {
    const lab = await labs.up({name: 'psu', nodes: 2, pods: 1, ssh: true});
    for (const node of lab.nodes) expect(await runIn(lab, node.name, ACCOUNT)).toMatchObject({code: 0});
    const inventory = join(labs.root, 'sudo.yaml');
    const nodes = lab.nodes.map(({name}) => `{name: ${name}}`).join(', ');
    writeFileSync(
      inventory,
      `apiVersion: flanctl.dev/v1alpha1\nkind: Inventory\nssh: {user: operator, config: ${lab.dir}/ssh/ssh_config}\nnodes: [${nodes}]\n`,
    );
    const trace = async (...words: readonly string[]) => {
      const ran = await flanctl(['trace', 'n1-p1', 'n2-p1', '--inventory', inventory, '-o', 'json', '--quiet', ...words]);
      return {code: ran.code, ...(JSON.parse(ran.stdout) as TraceReport)};
    };
    const healthy = await trace('--capture');
    expect({code: healthy.code, gaps: healthy.probe!.gaps, agrees: healthy.probe!.agrees}).toEqual({code: 0, gaps: [], agrees: true});
    expect(healthy.probe!.packets.map((p) => p.there.measured)).toEqual(['arrives', 'arrives']);
    // Nothing of this is in a node's tables.
    const drop = 'table bridge fabric { chain f { type filter hook forward priority 0; udp dport 8472 drop; }; }';
    expect(await runIn(lab, 'underlay', `nft '${drop}'`)).toMatchObject({code: 0});
    const dead = await trace('--probe');
    expect([dead.code, dead.probe!.packets[0]!.there.measured, dead.probe!.gaps]).toEqual([1, 'lost', []]);
    const who = await runIn(lab, 'n1', 'cat /run/lab/ssh/sshd.log');
    expect(who.stdout).toMatch(/Accepted publickey for operator/);
    expect(who.stdout).not.toMatch(/Accepted publickey for root/);
  },
  120_000,
);
