import {setTimeout as sleep} from 'node:timers/promises';
import {describe, expect, test} from 'vitest';
import {sa} from '../../src/core/kernel/xfrm.js';
import {runIn} from '../../src/edge/lab/exec.js';
import {labPing} from '../../src/edge/lab/ping.js';
import type {Lab} from '../../src/edge/lab/topology.js';
import {testLabs} from '../lab/in-lab.js';
import {charonSaid, startCharon} from './charon.js';
import {root} from './root.js';

/** What of an association is the same whoever makes it. */
const associations = async (lab: Lab): Promise<readonly string[]> => {
  const {stdout} = await runIn(lab, 'n1', ['ip', 'xfrm', 'state', 'list', 'nokeys']);
  const {rows, problems} = sa.parse(stdout, {command: 'ip xfrm state list nokeys'});
  expect(problems).toEqual([]);
  return rows.map(({src, dst, proto, reqid, mode}) => `${src} ${dst} ${proto} ${reqid} ${mode}`).toSorted();
};

describe.skipIf(!root)('flannel ipsec with charon', () => {
  const labs = testLabs();

  test('agrees on associations that are as those of the lab, and packets go', async () => {
    const lab = await labs.up({name: 'vm-charon', backend: 'ipsec', nodes: 2, pods: 1});
    const made = await associations(lab);
    expect(made).toHaveLength(2);
    for (const node of lab.nodes) await runIn(lab, node.name, ['ip', 'xfrm', 'state', 'flush']);
    const {PSK} = lab.netConf['Backend'] as {readonly PSK: string};
    for (const node of lab.nodes) await startCharon(lab, node, PSK);
    for (let left = 60; (await associations(lab)).length < made.length; left--) {
      if (left === 0) throw new Error(`no associations: ${await charonSaid(lab, lab.nodes[0]!)}`);
      await sleep(1000);
    }
    // Both ends may have begun at once: then there are two of each.
    expect([...new Set(await associations(lab))]).toEqual(made);
    expect((await labPing(lab)).pairs.filter((p) => !p.small || !p.large)).toEqual([]);
  }, 300_000);
});
