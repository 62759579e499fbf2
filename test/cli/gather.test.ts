import {afterAll, beforeAll, describe, expect, test, vi} from 'vitest';
import {readNode} from '../../src/core/model/read-node.js';
import type {NodeDump} from '../../src/core/node/dump.js';
import type {NodeState} from '../../src/core/node/state.js';
import {gather} from '../../src/edge/gather/gather.js';
import {labDown} from '../../src/edge/lab/down.js';
import {runIn} from '../../src/edge/lab/exec.js';
import type {Lab} from '../../src/edge/lab/topology.js';
import {labUp} from '../../src/edge/lab/up.js';
import {workFolder} from '../edited.js';
import {flanctl} from '../lab/flanctl.js';
import {labsWork} from '../lab/in-lab.js';

/** Real nodes: the same findings live and from a snapshot, and the same node from iproute2's text and from its JSON. */
const work = workFolder();
const run = (args: readonly string[]) => flanctl(args, {XDG_CONFIG_HOME: work.at}, work.at);

/** Where it was read from; and the peer's namespace, of which iproute2 prints the name in text and the number in JSON. */
const apart: ReadonlySet<string> = new Set(['origin', 'command', 'commands', 'takenAt', 'host', 'link_netns', 'link_netnsid']);

/** What a state is, without what tells where it was read from; rows in the order of their text, which is not iproute2's. */
function comparable(state: NodeState): unknown {
  const plain = (value: unknown): unknown => {
    if (value instanceof Map) return [...value].map(([k, v]) => [k, plain(v)]).sort();
    if (value instanceof Set) return [...value].sort();
    if (Array.isArray(value)) return value.map(plain).toSorted((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1));
    if (typeof value !== 'object' || value === null) return value;
    return Object.fromEntries(
      Object.entries(value)
        .filter(([key]) => !apart.has(key))
        .sort(([a], [b]) => (a < b ? -1 : 1))
        .map(([key, item]) => [key, plain(item)]),
    );
  };
  return plain(state);
}

describe.skipIf(!labsWork).each([
  {name: 'tc1', backend: 'vxlan', broken: ['bridge', 'fdb', 'del', 'VTEP', 'dev', 'flannel.1', 'dst', 'IP'], rule: 'fdb-missing'},
  {name: 'tc2', backend: 'host-gw', broken: ['ip', 'route', 'del', 'SUBNET'], rule: 'route-missing'},
] as const)('$backend, both families', ({name, backend, broken, rule}) => {
  let lab: Lab;
  beforeAll(async () => {
    lab = await labUp({name, backend, dualStack: true, nodes: 3, pods: 2}, {replace: true});
    // Every neighbour is known, so that none comes and goes between two readings.
    for (const node of lab.nodes) {
      // The kernel tells a bridge's state a second after its ports are up.
      await vi.waitFor(
        async () => expect((await runIn(lab, node.name, ['ip', '-br', 'link', 'show', 'cni0'])).stdout).toMatch(/cni0\s+UP/),
        10_000,
      );
    }
    for (const node of lab.nodes) for (const other of lab.nodes) await runIn(lab, node.name, ['ping', '-c1', '-W1', other.ip]);
  });
  afterAll(async () => {
    await labDown(name);
  });

  const read = async (text: boolean): Promise<readonly NodeDump[]> => {
    const dumps: NodeDump[] = [];
    const addresses = lab.nodes.map(({name: node, pid}) => ({node, via: 'netns' as const, host: node, pid: pid!}));
    for await (const dump of gather(addresses, {pods: 'all', text, transport: {sshHostKeys: 'strict', notice: () => undefined}}))
      dumps.push(dump);
    return dumps;
  };

  test('text and JSON give the same node', async () => {
    const settled = (dumps: readonly NodeDump[]) => dumps.map(readNode).map(withoutFleeting).map(comparable);
    const [json, text] = [await read(false), await read(true)];
    expect(json.map((d) => d.sections.find((s) => s.name === 'ip-route-all')!.out.trimStart()[0])).toEqual(['[', '[', '[']);
    expect(text.map((d) => d.sections.find((s) => s.name === 'ip-route-all')!.out.trimStart()[0])).not.toContain('[');
    for (const [i, node] of settled(text).entries()) expect(node).toEqual(settled(json)[i]);
  });

  test('gather -f and doctor --snapshot of it find what doctor finds', async () => {
    const [first, second] = lab.nodes;
    const words = broken.map((w) => ({VTEP: second!.vtepMac!, IP: second!.ip, SUBNET: second!.subnet})[w as string] ?? w);
    expect((await runIn(lab, first!.name, words)).code).toBe(0);
    const live = await run(['doctor', '--lab', name, '-o', 'json', '--quiet']);
    const taken = await run(['gather', '--lab', name, '-f', `${name}.ndjson.br`, '-o', 'json']);
    expect(taken).toMatchObject({code: 0, stderr: 'read 3 of 3 nodes\n'});
    const later = await run(['doctor', '--snapshot', `${name}.ndjson.br`, '-o', 'json', '--quiet']);
    const [a, b] = [live, later].map(
      (ran) => JSON.parse(ran.stdout) as {findings: {rule: string; node: string}[]; notEvaluated: unknown; gaps: unknown; exit: number},
    );
    expect(a!.findings.map((f) => f.rule)).toEqual([rule]);
    expect({code: live.code, exit: a!.exit}).toEqual({code: 1, exit: 1});
    const {findings, notEvaluated, gaps, exit} = a!;
    expect(b).toMatchObject({findings, notEvaluated, gaps, exit});
    // Only what is asked for.
    const only = async (...more: string[]) =>
      JSON.parse((await run(['doctor', '--snapshot', `${name}.ndjson.br`, '-o', 'json', ...more])).stdout) as {
        findings: unknown[];
        exit: number;
        summary: {rules: number};
      };
    expect(await only('--rule', 'neigh-missing')).toMatchObject({findings: [], exit: 0, summary: {rules: 1}});
    expect((await only('--rule', `neigh-missing,${rule}`)).findings).toHaveLength(1);
    expect(await only('--node', 'n3')).toMatchObject({findings: [], exit: 0});
    expect((await only('--node', 'n1')).findings).toHaveLength(1);
    expect((await only('--node', 'n2')).findings).toHaveLength(1);
  });
});

/** Counters and the states of neighbours that the kernel is asking about change from one moment to the next. */
function withoutFleeting(state: NodeState): NodeState {
  const {sysctl} = state;
  const neigh = (tables: NodeState['tables']) => tables.neigh?.map((n) => (n.state.includes('PERMANENT') ? n : {...n, state: ['seen']}));
  const still = <T extends Pick<NodeState, 'tables'>>(one: T): T => ({
    ...one,
    tables: {...one.tables, ...(one.tables.neigh && {neigh: neigh(one.tables)!})},
  });
  return {
    ...still(state),
    ...(state.pods && {pods: state.pods.map(still)}),
    sysctl: sysctl && new Map([...sysctl].filter(([key]) => !key.endsWith('conntrack_count'))),
    // Packet counters.
    netfilter: JSON.parse(JSON.stringify(state.netfilter).replaceAll(/\[\d+:\d+\]|"(packets|bytes)":\d+/g, '""')) as NodeState['netfilter'],
  };
}
