import {beforeAll, describe, expect, test} from 'vitest';
import {departures} from '../../src/core/change/as-planned.js';
import type {Operation} from '../../src/core/change/operation.js';
import type {Plan} from '../../src/core/change/plan.js';
import {probeEnd} from '../../src/core/change/probe-ends.js';
import type {NodeView} from '../../src/core/model/view.js';
import {type Gate, gateOf} from '../../src/edge/change/gate.js';
import {mesh} from '../../src/edge/change/mesh.js';
import {openRunners} from '../../src/edge/change/runners.js';
import {runIn} from '../../src/edge/lab/exec.js';
import type {Lab} from '../../src/edge/lab/topology.js';
import {labsWork, testLabs} from '../lab/in-lab.js';
import {addressesOf, transportOf, viewsOf} from './live.js';

/** A node half way through a change is of no mode; the gate holds it against what the plan makes of it, and its pods against what worked. */
describe.skipIf(!labsWork)('the gate after a stage', () => {
  const labs = testLabs();
  const signal = new AbortController().signal;
  let lab: Lab;
  let views: readonly NodeView[];
  let gate: Gate;
  let plan: Plan;

  const sysctl = (key: string, before: string, to: string): Operation => ({on: 'sysctl', do: 'replace', key, before, to});
  const flips = (node: string): readonly Operation[] => {
    const {state} = views.find((v) => v.name === node)!;
    return lab.nodes
      .filter((peer) => peer.name !== node)
      .flatMap((peer): Operation[] =>
        [peer.subnet, peer.subnet6!].map((dst, i): Operation => {
          const before = state.tables.route!.find((r) => r.dst === dst && r.table === 'main')!;
          const {flags: _, origin: __, ...rest} = before;
          return {on: 'route', do: 'replace', before, row: {...rest, dev: 'eth0', gateway: i === 0 ? peer.ip : peer.ip6!, flags: []}};
        }),
      );
  };
  const shell = async (node: string, script: string): Promise<void> => {
    expect(await runIn(lab, node, script)).toMatchObject({code: 0, stderr: ''});
  };
  const flip = (node: string): Promise<void> =>
    shell(
      node,
      lab.nodes
        .filter((peer) => peer.name !== node)
        .flatMap((peer) => [
          `ip route replace ${peer.subnet} via ${peer.ip} dev eth0`,
          `ip -6 route replace ${peer.subnet6} via ${peer.ip6} dev eth0`,
        ])
        .join('\n'),
    );

  beforeAll(async () => {
    lab = await labs.up({name: 'gate', dualStack: true, pods: 1});
    views = await viewsOf(lab);
    const settings = views[0]!.cluster.settings!;
    plan = {
      what: 'migrate',
      to: {type: 'host-gw', settings},
      stages: [
        {
          phase: 'loosen',
          title: 'loosen',
          work: lab.nodes.map(({name}) => ({node: name, operations: [sysctl('net/ipv4/conf/eth0/rp_filter', '2', '1')]})),
        },
        {phase: 'flip', title: 'flip 1/2: n1', work: [{node: 'n1', operations: flips('n1')}]},
        {phase: 'flip', title: 'flip 2/2: n2, n3', work: ['n2', 'n3'].map((node) => ({node, operations: flips(node)}))},
        {
          phase: 'restore',
          title: 'restore',
          work: lab.nodes.map(({name}) => ({node: name, operations: [sysctl('net/ipv4/conf/eth0/rp_filter', '1', '2')]})),
        },
      ],
      warnings: [],
      irreversible: [],
      left: [],
    };
    const runners = openRunners(addressesOf(lab), transportOf(lab));
    const ends = views.map((view) => probeEnd(view)!);
    const size = ({family}: {family: 4 | 6}) => (family === 4 ? 1450 : 1430);
    gate = gateOf({
      plan,
      before: new Map(views.map((v) => [v.name, v.state])),
      networks: views[0]!.cluster.networks,
      addresses: addressesOf(lab),
      gather: {transport: transportOf(lab)},
      runners,
      ends,
      baseline: await mesh(runners, ends, {signal, size}),
      size,
      signal,
    });
  });
  const all = ['n1', 'n2', 'n3'];
  const open = {ok: true, because: []};

  test('nothing happened and nothing should have', async () => {
    const again = await viewsOf(lab);
    for (const view of again) {
      const was = views.find((v) => v.name === view.name)!;
      expect(departures(was.state, [], view.state, view.cluster.networks)).toEqual([]);
    }
  });

  test('a stage that did not take is seen on each node, and opens once it did', async () => {
    expect(await gate(0, all)).toEqual({
      ok: false,
      because: all.map((n) => `${n}: net/ipv4/conf/eth0/rp_filter is 2, should be 1`),
    });
    for (const node of all) await shell(node, 'echo 1 > /proc/sys/net/ipv4/conf/eth0/rp_filter');
    expect(await gate(0, all)).toEqual(open);
  });

  test('the tables are right and the packets do not come: strict rp_filter between a flipped node and one that is not', async () => {
    await flip('n1');
    const shut = await gate(1, ['n1']);
    expect(shut.ok).toBe(false);
    expect(shut.because.filter((line) => line.startsWith('n1:'))).toEqual([]);
    expect(shut.because.map((line) => line.slice(0, 12)).toSorted()).toEqual([
      'n1 → n2 IPv4',
      'n1 → n3 IPv4',
      'n2 → n1 IPv4',
      'n3 → n1 IPv4',
    ]);
    for (const node of all) await shell(node, 'echo 2 > /proc/sys/net/ipv4/conf/all/rp_filter');
    expect(await gate(1, ['n1'])).toEqual(open);
  });

  test.each([
    [
      'a route that somebody put back',
      'ip route replace 10.244.2.0/24 via 10.244.2.0 dev flannel.1 onlink',
      'ip route replace 10.244.2.0/24 via 192.168.77.12 dev eth0',
      /^n1: route 10\.244\.2\.0\/24 via 192\.168\.77\.12 dev eth0 .*10\.244\.2\.0 dev flannel\.1/,
    ],
    [
      'a better route beside it',
      'ip -6 route add fd44:0:0:2::/64 via fd77::13 dev eth0 metric 5',
      'ip -6 route del fd44:0:0:2::/64 via fd77::13 metric 5',
      /^n1: route fd44:0:0:2::\/64 via fd77::13 dev eth0 metric 5 is there, and the plan knows nothing of it$/,
    ],
    [
      'a row that no operation touched is gone',
      'ip neigh del 10.244.2.0 dev flannel.1',
      `ip neigh add 10.244.2.0 lladdr $(bridge fdb show dev flannel.1 | awk '/192.168.77.12/{print $1}') dev flannel.1 nud permanent`,
      /^n1: neigh\w* 10\.244\.2\.0 .* is not there$/,
    ],
    ['another MTU', 'ip link set flannel.1 mtu 1400', 'ip link set flannel.1 mtu 1450', /^n1: device flannel\.1: mtu is 1400$/],
  ])('%s shuts it, until it is mended', async (_, harm, mend, line) => {
    await shell('n1', harm);
    const shut = await gate(1, ['n1']);
    expect(shut.because.filter((l) => l.startsWith('n1:'))).toEqual([expect.stringMatching(line)]);
    await shell('n1', mend);
    expect(await gate(1, ['n1'])).toEqual(open);
  });

  test('the last stages: what an earlier one set and a later one set back is as it was', async () => {
    await flip('n2');
    await flip('n3');
    expect(await gate(2, ['n2', 'n3'])).toEqual(open);
    for (const node of all) await shell(node, 'echo 2 > /proc/sys/net/ipv4/conf/eth0/rp_filter');
    expect(await gate(3, all)).toEqual(open);
  });

  test('a node that cannot be read shuts it', async () => {
    const gone = await gateOf({
      plan,
      before: new Map(),
      networks: [],
      addresses: [{node: 'n1', via: 'netns', pid: 2 ** 22 + 1}],
      gather: {transport: transportOf(lab)},
      runners: new Map(),
      ends: [],
      baseline: {pairs: [], left: 0},
      signal,
    })(0, ['n1']);
    expect(gone).toMatchObject({ok: false, because: [expect.stringContaining('no process has pid')]});
  });
});
