import {readdir, readFile} from 'node:fs/promises';
import {afterAll, beforeAll, describe, expect, test} from 'vitest';
import type {NodeDump} from '../../src/core/node/dump.js';
import {rules} from '../../src/core/rules/index.js';
import {diagnose} from '../../src/edge/diagnose.js';
import {gather} from '../../src/edge/gather/gather.js';
import {labDown} from '../../src/edge/lab/down.js';
import {runIn} from '../../src/edge/lab/exec.js';
import {inhabitants, namespacesOf} from '../../src/edge/lab/namespaces.js';
import {defaultSpec, type Lab, layOut} from '../../src/edge/lab/topology.js';
import {givenOf} from './given.js';
import {labsWork, testLabs} from './in-lab.js';
import {compare} from './prediction.js';

const name = 'cloud-hosts';
const labs = testLabs();

test.each([
  [{hosts: 2}, /only in a cloud/],
  [{backend: 'terway', hosts: 3}, /physical hosts must be a whole number from 1 to 2/],
] as const)('refuses %j', (wish, message) => {
  expect(() => layOut({...defaultSpec, ...wish}, '/x')).toThrow(message);
});

/** Command lines of this machine's processes with this word in them. */
async function processesWith(word: string): Promise<readonly string[]> {
  const pids = (await readdir('/proc')).filter((entry) => /^\d+$/.test(entry));
  const lines = await Promise.all(pids.map((pid) => readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')));
  return lines.filter((line) => line.includes(word));
}

describe.skipIf(!labsWork)('two physical hosts of a cloud', () => {
  let lab: Lab;
  beforeAll(async () => {
    lab = await labs.up({name, backend: 'tke-global-router', nodes: 2, pods: 2, hosts: 2});
  });
  afterAll(async () => {
    await labDown(name);
  });

  /** The first packet of this kind on the wire between the hosts, as tcpdump prints it, while somebody sends. */
  const onWire = async (filter: string, send: () => Promise<unknown>): Promise<string> => {
    let over = false;
    const capture = runIn(lab, 'host1', `timeout 60 tcpdump -lnn -i wire -c 1 '${filter}'`).finally(() => {
      over = true;
    });
    while (!over) await send();
    return (await capture).stdout;
  };
  const ping = (from: string, words: string) => runIn(lab, from, `ping -n -c 1 -W 1 ${words}`);

  test('everybody answers, doctor finds nothing, and trace says what packets do', async () => {
    const dumps: NodeDump[] = [];
    const addresses = lab.nodes.map((node) => ({node: node.name, via: 'netns' as const, pid: node.pid!}));
    for await (const dump of gather(addresses, {timeoutMs: 120_000, transport: {sshHostKeys: 'strict', notice: () => {}}}))
      dumps.push(dump);
    const evidence = {
      async *nodes() {
        yield* dumps;
      },
    };
    const {findings, notEvaluated, gaps} = await diagnose(evidence, await givenOf(lab), rules);
    expect({findings, notEvaluated, gaps}).toEqual({findings: [], notEvaluated: [], gaps: []});
    expect(await compare(lab, dumps, findings, undefined)).toEqual({lost: [], disagreements: []});
  });

  test('between hosts a packet goes in GRE with the key of the VPC, whole; on one host it does not', async () => {
    const [n1, n2] = lab.nodes;
    const [from, to] = [n1!.pods[0]!.ip, n2!.pods[0]!.ip];
    expect(await onWire('proto gre and src 198.18.0.1', () => ping('n1-p1', to))).toContain(
      `198.18.0.1 > 198.18.0.2: GREv0, key=0x64, length 92: IP ${from} > ${to}: ICMP echo request`,
    );
    expect(
      await onWire('proto gre and src 198.18.0.2 and greater 1500', () => ping('n2-p1', `-M do -s 1472 ${lab.cloud!.vm.ip}`)),
    ).toContain(`length 1508: IP ${to} > ${lab.cloud!.vm.ip}: ICMP echo request`);
    // Both hosts route, so one more is taken from the TTL; the VM is on the host of n1.
    expect((await ping('n1-p1', to)).stdout).toContain('ttl=60');
    expect((await ping('n1-p1', lab.cloud!.vm.ip)).stdout).toContain('ttl=62');
  });

  test('machines of the VPC do not see the hosts', async () => {
    const answers = await Promise.all(['198.18.0.1', '198.18.0.2'].map((address) => ping('n1', address)));
    for (const {stdout} of answers) expect(stdout).toContain('100% packet loss');
  });

  test('what carries the packets ends with the lab', async () => {
    expect((await inhabitants(name)).filter((one) => one.command.includes('gre.py')).map((one) => one.holder)).toEqual([true, true]);
    expect(await processesWith(`${lab.dir}/hosts/`)).toHaveLength(2);
    const {left} = await labDown(name);
    expect({left, namespaces: await namespacesOf(name), processes: await processesWith(`${lab.dir}/hosts/`)}).toEqual({
      left: [],
      namespaces: [],
      processes: [],
    });
  });
});
