import {describe, expect, test} from 'vitest';
import type {Plan} from '../../src/core/change/plan.js';
import {inClear} from '../../src/edge/change/preflight/encrypted.js';
import {openRunners} from '../../src/edge/change/runners.js';
import {runIn} from '../../src/edge/lab/exec.js';
import {labPing} from '../../src/edge/lab/ping.js';
import {labsWork, testLabs} from '../lab/in-lab.js';
import {addressesOf, dumpsOf, transportOf} from './live.js';
import {see, target} from './planned.js';

describe.skipIf(!labsWork)('is anything in clear', () => {
  const labs = testLabs();
  test('pods in a tunnel and outside one are seen, what is neither is not, and who cannot watch has not seen', async () => {
    const lab = await labs.up({name: 'clear', nodes: 2, pods: 1});
    const {cluster} = see(await dumpsOf(lab), {netConf: lab.netConf});
    await using runners = openRunners(addressesOf(lab), transportOf(lab));
    const watch = (from: string, send: () => Promise<unknown>) => {
      const plan: Plan = {
        what: 'migrate',
        from: target({Type: from}),
        to: target({Type: 'wireguard'}),
        stages: [],
        warnings: [],
        irreversible: [],
        left: [],
      };
      return inClear({plan, cluster, runners, signal: new AbortController().signal}, send);
    };
    const pods = () => labPing(lab);
    expect(await watch('vxlan', pods)).toEqual({
      ok: false,
      because: ['n1', 'n2'].map((node) =>
        expect.stringMatching(`^${node}: a packet from pod to pod is in clear on eth0: .*> 192\\.168\\.77\\.1[12]\\.8472`),
      ),
    });
    const plain = () => runIn(lab, 'n1', 'ip route replace 10.244.2.0/24 via 192.168.77.12 && ping -c 1 -W 1 -I 10.244.1.1 10.244.2.1');
    expect(await watch('host-gw', plain)).toMatchObject({
      ok: false,
      because: [expect.stringContaining('10.244.1.1 > 10.244.2.1'), expect.stringMatching(/^n2: /)],
    });
    const nodes = () => runIn(lab, 'n1', 'ping -c 3 -i 0.2 192.168.77.12');
    expect(await watch('vxlan', nodes)).toEqual({ok: true, because: []});
    const ended = async () => {
      await runIn(lab, 'n2', 'kill $(cat /run/flanctl-watch-*.pid)');
    };
    expect(await watch('vxlan', ended)).toEqual({
      ok: false,
      because: [expect.stringMatching(/^n2: its underlay cannot be watched: .*listening on eth0/)],
    });
    for (const {name} of lab.nodes) expect((await runIn(lab, name, 'ls /run | grep watch; pgrep -x tcpdump')).stdout).toBe('');
  });
});
