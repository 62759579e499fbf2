import {describe, expect, test} from 'vitest';
import {runBatches} from '../../src/core/change/batch.js';
import {inverses, simulate} from '../../src/core/change/simulate.js';
import {stale} from '../../src/core/change/stale.js';
import type {Given} from '../../src/core/model/cluster.js';
import {type Edit, edited} from '../edited.js';
import {after, differs, mustPlan, plan, see, target} from './planned.js';

const hostGw = target({Type: 'host-gw'});
const vxlan = target({Type: 'vxlan', VNI: 1});
const direct = target({Type: 'vxlan', VNI: 1, DirectRouting: true});

/** rp_filter of every node: `all`, and each device's own and that of devices to come. */
const strictness = (all: number, dev: number, nodes = ['n1', 'n2', 'n3']): readonly Edit[] =>
  nodes.map((node) => [
    node,
    'sysctl',
    // The blank line makes it an edit also where these are the recorded values.
    (out) => `${out.replace(/(conf\/[^/]+\/rp_filter)=\d/g, `$1=${dev}`).replace(/(conf\/all\/rp_filter)=\d/, `$1=${all}`)}\n`,
  ]);

const ways = [
  ['vxlan', hostGw],
  ['vxlan-dual', hostGw],
  ['host-gw', vxlan],
  ['host-gw-dual', vxlan],
  ['host-gw', target({Type: 'vxlan', VNI: 7, Port: 4789})],
  ['vxlan', direct],
  ['vxlan-dual', direct],
  ['vxlan-direct', vxlan],
  ['vxlan', target({Type: 'vxlan', VNI: 2})],
  ['vxlan-dual', target({Type: 'vxlan', VNI: 2})],
  ['host-gw-dual', direct],
  ['vxlan', target({Type: 'vxlan', VNI: 1, Port: 4789})],
  ['vxlan-dual', target({Type: 'vxlan', VNI: 1, Port: 4789, DirectRouting: true})],
  ['vxlan-direct', target({Type: 'vxlan', VNI: 1, Port: 4789})],
] as const;

describe.each(ways)('from %s to %o', (base, to) => {
  for (const [all, dev] of [
    [0, 0],
    [0, 1],
    [1, 0],
    [1, 1],
    [0, 2],
    [2, 1],
  ] as const)
    test(`the plan leads exactly there, and back, with rp_filter ${all}/${dev}`, async () => {
      const nodes = base === 'vxlan-direct' ? ['n1', 'n2', 'n3', 'n4'] : ['n1', 'n2', 'n3'];
      const current = await edited(base, ...strictness(all, dev, nodes));
      const seen = see(current);
      const made = mustPlan(seen, to, {podMtu: 'set'});
      expect(stale(made, new Map(seen.states.map((s) => [s.name, s])))).toEqual([]);
      const there = after(seen.states, made.stages);
      expect(differs(seen, to, there)).toEqual([]);
      const fromDevices = ['flannel.1', 'flannel-v6.1'].filter((d) => !there[0]!.tables.link!.some((l) => l.ifname === d));
      for (const state of there) {
        // Nothing is left on a device that is gone, nor of it.
        for (const dev of fromDevices) {
          expect(state.tables.route!.filter((r) => r.dev === dev)).toEqual([]);
          expect(state.tables.neigh!.filter((r) => r.dev === dev)).toEqual([]);
          expect([...state.sysctl!.keys()].filter((k) => k.includes(`/${dev}/`))).toEqual([]);
        }
        // Strict is strict again, and a device that came has what a new device gets.
        const was = seen.states.find((s) => s.name === state.name)!.sysctl!;
        for (const [key, value] of state.sysctl!)
          if (key.endsWith('/rp_filter')) expect([key, value]).toEqual([key, was.get(key) ?? was.get('net/ipv4/conf/default/rp_filter')]);
      }
      for (const [i, state] of seen.states.entries()) {
        const done = made.stages.flatMap((s) => s.work.filter((w) => w.node === state.name).flatMap((w) => w.operations));
        const back = simulate(there[i]!, inverses(done));
        expect(tablesOf(back)).toEqual(tablesOf(state));
      }
    });
});

/** Rows in any order and without what the kernel numbers anew. */
function tablesOf(state: ReturnType<typeof see>['states'][number]): unknown {
  const bare = (row: object): string => {
    const {origin: _, ifindex: __, extra: ___, ...rest} = row as {origin?: unknown; ifindex?: unknown; extra?: unknown};
    return JSON.stringify(rest, Object.keys(rest).sort());
  };
  const solid = (table: string, rows: readonly object[]) =>
    table === 'address' ? rows.filter((r) => (r as {scope?: string}).scope !== 'link') : rows;
  return {
    ...Object.fromEntries(
      (['link', 'address', 'route', 'neigh', 'fdb'] as const).map((t) => [
        t,
        solid(t, state.tables[t]!)
          .filter((r) => !isKernels(t, r))
          .map(bare)
          .sort(),
      ]),
    ),
    sysctl: [...state.sysctl!].sort(),
    env: state.subnetEnv === 'none' || state.subnetEnv === undefined ? state.subnetEnv : state.subnetEnv.mtu,
    pods: state.pods!.map((p) => p.tables.link!.map((l) => [l.ifname, l.mtu])),
  };
}

/** What comes and goes with a device by itself: link-local and multicast rows. */
const isKernels = (table: string, row: object): boolean => {
  const {dst, protocol, type} = row as {dst?: string; protocol?: string; type?: string};
  return (
    table === 'route' && protocol === 'kernel' && ((dst ?? '').startsWith('fe80:') || (dst ?? '').startsWith('ff00:') || type === 'anycast')
  );
};

test('only peers on the same segment go direct', async () => {
  const seen = see(await edited('vxlan-direct', ['n1', 'ip-neigh', (out) => `${out}`.concat('\n')]));
  expect(seen.cluster.settings?.directRouting).toBe(true);
  const made = mustPlan(seen, vxlan);
  const flipped = made.stages.filter((s) => s.phase === 'flip').flatMap((s) => s.work.map((w) => [w.node, w.operations.length]));
  expect(flipped).toEqual([
    ['n1', 1],
    ['n2', 1],
    ['n3', 1],
    ['n4', 1],
  ]);
});

describe('stages', () => {
  test('loosen, build, canary, batches, the own node last, then files, cleanup, restore', async () => {
    const seen = see(await edited('vxlan-direct', ...strictness(1, 0, ['n1', 'n2', 'n3', 'n4'])));
    const made = mustPlan(seen, vxlan, {canary: 1, batch: 1, last: 'n2'});
    expect(made.stages.map((s) => [s.phase, s.title])).toEqual([
      ['loosen', 'loose rp_filter'],
      ['build', 'build the vxlan path'],
      ['flip', 'flip 1/4: n1'],
      ['flip', 'flip 2/4: n3'],
      ['flip', 'flip 3/4: n4'],
      ['flip', 'flip 4/4: n2'],
      ['control', "flannel's files"],
      ['restore', 'rp_filter as it was'],
    ]);
  });
  test('another port of the same VNI: to a third device, then back on the name, flannel told once, when the old name has the new port', async () => {
    const seen = see(await edited('vxlan', ...strictness(1, 1)));
    const to = target({Type: 'vxlan', VNI: 1, Port: 4789});
    const made = mustPlan(seen, to, {canary: 1, batch: 2});
    expect(made.control).toBeUndefined();
    expect(made.stages.map((s) => [s.phase, s.title])).toEqual([
      ['loosen', 'to flannel.2: loose rp_filter'],
      ['build', 'to flannel.2: build the vxlan path'],
      ['flip', 'to flannel.2: flip 1/2: n1'],
      ['flip', 'to flannel.2: flip 2/2: n2, n3'],
      ['swap', 'flannel.1 is made anew'],
      ['swap', 'back to flannel.1: flip 1/2: n1'],
      ['swap', 'back to flannel.1: flip 2/2: n2, n3'],
      ['control', "back to flannel.1: flannel's files"],
      ['cleanup', 'back to flannel.1: clean up the old path'],
      ['restore', 'rp_filter as it was'],
    ]);
    const netConf = {Network: '10.244.0.0/16', Backend: {Type: 'vxlan', VNI: 1}};
    const kept = mustPlan(seen, to, {control: {by: 'systemd', netConf}});
    expect(kept.control).toMatchObject({by: 'systemd', after: {Backend: {Type: 'vxlan', VNI: 1, Port: 4789}}});
    // Gone and there again by one process: a flanneld that watches its device finds it there.
    const swap = made.stages.find((s) => s.title === 'flannel.1 is made anew')!;
    for (const {operations} of swap.work) {
      const [batch] = runBatches(operations);
      const at = (words: string): number => batch!.lines.findIndex((l) => l.startsWith(words));
      expect([batch!.tool, at('link add flannel.1') - at('link del flannel.1')]).toEqual(['ip', 1]);
    }
    const macs = made.stages
      .flatMap((s) => s.work.flatMap((w) => w.operations))
      .flatMap((op) => (op.on === 'link' ? (op.row.address ?? '') : []));
    expect(new Set(macs).size).toBe(3);
  });
  describe('a flanneld that looks after its device is said before the swap', () => {
    const images = (...tags: readonly string[]): Given => ({
      records: {
        source: 'kubernetes',
        from: 'test',
        nodes: [],
        gaps: [],
        daemonSets: tags.map((tag) => ({
          namespace: 'kube-flannel',
          name: tag,
          container: 'kube-flannel',
          image: `ghcr.io/flannel-io/flannel:${tag}`,
          args: [],
          env: {},
          nodeSelector: {},
        })),
      },
    });
    const rejects = /^flanneld v0\.27\.4 and later looks after flannel\.1: as its configuration names Port 8472/;
    const panics = /^flanneld v0\.27\.4 to v0\.28\.4 panics when flannel\.1 is deleted/;
    const none: readonly RegExp[] = [];
    test.each([
      ['of no known release, with a Port', {}, 8472, [rejects, panics]],
      ['of no known release, without', {}, undefined, [panics]],
      ['v0.27.3', images('v0.27.3'), 8472, none],
      ['v0.27.4', images('v0.27.4'), 8472, [rejects, panics]],
      ['v0.28.4, without', images('v0.28.4'), undefined, [panics]],
      ['v0.28.5', images('v0.28.5'), 8472, [rejects]],
      ['v0.28.5, without', images('v0.28.5'), undefined, none],
      ['one old, one of them', images('v0.26.1', 'v0.28.0'), undefined, [panics]],
      ['no number', images('latest'), undefined, [panics]],
    ] as const)('%s', async (_, given, port, said) => {
      const seen = see(await edited('vxlan', ...strictness(1, 1)), given);
      const netConf = {Network: '10.244.0.0/16', Backend: {Type: 'vxlan', VNI: 1, ...(port && {Port: port})}};
      const {warnings} = mustPlan(seen, target({Type: 'vxlan', VNI: 1, Port: 4789}), {control: {by: 'systemd', netConf}});
      expect(warnings).toEqual(said.map((words) => expect.stringMatching(words)));
    });
    test('where none runs, and where no device is swapped, nothing is', async () => {
      const seen = see(await edited('vxlan', ...strictness(1, 1)));
      expect(mustPlan(seen, target({Type: 'vxlan', VNI: 1, Port: 4789})).warnings).toEqual([]);
      const netConf = {Network: '10.244.0.0/16', Backend: {Type: 'vxlan', VNI: 1, Port: 8472}};
      expect(mustPlan(seen, target({Type: 'vxlan', VNI: 2}), {control: {by: 'systemd', netConf}}).warnings).toEqual([]);
    });
  });
  test('a cluster that is there already gets no stages', async () => {
    const seen = see(await edited('vxlan', ['n1', 'subnet.env', (out) => `${out}\n`]));
    expect(mustPlan(seen, vxlan).stages).toEqual([]);
  });
  test('rp_filter 2 and 0 stay untouched', async () => {
    const made = mustPlan(see(await edited('vxlan', ...strictness(0, 0))), hostGw);
    expect(made.stages.map((s) => s.phase)).toEqual(['flip', 'flip', 'control', 'cleanup', 'cleanup']);
  });
});

describe('pods', () => {
  test('that would have to shrink are for the operator to decide', async () => {
    const seen = see(await edited('host-gw', ...strictness(0, 0)));
    expect(plan(seen, vxlan)).toEqual({kind: 'choose-pod-mtu', pods: 6, from: 1500, to: 1450});
    const kept = mustPlan(seen, vxlan, {podMtu: 'keep'});
    expect(kept.left.map((l) => l.what)).toContain('the MTU 1500 of pod n1-p1');
    expect(kept.warnings).toEqual([expect.stringContaining('6 pods keep an MTU')]);
    const shrunk = mustPlan(seen, vxlan, {podMtu: 'set'});
    expect(shrunk.stages.map((s) => s.title)).toContain('pod MTU 1450');
    expect(shrunk.warnings).toEqual([expect.stringContaining('6 pods get a smaller MTU')]);
    expect(shrunk.stages.findIndex((s) => s.title === 'pod MTU 1450')).toBeLessThan(shrunk.stages.findIndex((s) => s.phase === 'flip'));
  });
});

describe('what is held back', () => {
  test('a device that somebody uses stays, and is named', async () => {
    const seen = see(await edited('vxlan', ...strictness(1, 0)));
    const made = mustPlan(seen, hostGw, {held: [{node: 'n2', step: 'device', why: 'ssh is connected from 10.244.2.0'}]});
    expect(made.left).toEqual([
      {node: 'n2', what: 'deleting flannel.1', why: 'ssh is connected from 10.244.2.0; when they are closed: flanctl apply --prune'},
    ]);
    const cleanup = made.stages.find((s) => s.title === 'clean up the old path')!.work.map((w) => w.node);
    expect(cleanup).toEqual(['n1', 'n3']);
    // What stays gets its strictness back.
    const restored = made.stages.find((s) => s.phase === 'restore')!.work.find((w) => w.node === 'n2')!.operations;
    expect(restored.map((op) => (op.on === 'sysctl' ? op.key : op.on))).toEqual([
      'net/ipv4/conf/eth0/rp_filter',
      'net/ipv4/conf/flannel.1/rp_filter',
    ]);
  });
  test('strict rp_filter that would cut somebody off stays loose, and is named', async () => {
    const seen = see(await edited('host-gw', ...strictness(1, 0)));
    const made = mustPlan(seen, vxlan, {podMtu: 'set', held: [{node: 'n1', step: 'strict', why: '192.168.77.12 is connected to a pod'}]});
    expect(made.left.map((l) => [l.node, l.what])).toEqual([
      ['n1', 'net/ipv4/conf/eth0/rp_filter back to 0'],
      ['n1', 'net/ipv4/conf/flannel.1/rp_filter back to 0'],
    ]);
    expect(made.stages.find((s) => s.phase === 'restore')!.work.map((w) => w.node)).toEqual(['n2', 'n3']);
  });
});

describe('what cannot be planned is refused with the node and the reason', () => {
  test('host-gw over a router', async () => {
    const found = plan(see(await edited('vxlan-direct', ['n1', 'ip-neigh', (out) => `${out}\n`])), hostGw);
    expect(found.kind).toBe('refused');
    expect(found.kind === 'refused' && found.because).toContain(
      'n1 reaches n3 (192.168.78.13) through the router 192.168.77.254: host-gw needs every pair of nodes on one L2 segment',
    );
  });
  test('learning, which nothing asks for, is no way round', async () => {
    const wish = target({Type: 'vxlan', VNI: 1, learning: true});
    const found = plan(see(await edited('vxlan', ['n1', 'subnet.env', (out) => `${out}\n`])), wish);
    expect(found.kind === 'refused' && found.because[0]).toBe('flannel.1 on n1 is there already and differs in learning: delete it first');
  });
  test('a table that was not read', async () => {
    const found = plan(see(await edited('vxlan', ['n2', 'bridge-fdb', () => undefined])), hostGw);
    expect(found).toEqual({kind: 'refused', because: ['n2: fdb could not be read']});
  });
  test('a second route to a peer', async () => {
    const extra = 'unicast 10.244.2.0/24 via 10.244.2.0 dev flannel.1 table main proto static scope global metric 50 onlink';
    const found = plan(see(await edited('vxlan', ['n1', 'ip-route-all', (out) => `${out}${extra}\n`])), hostGw);
    expect(found.kind === 'refused' && found.because[0]).toContain("n1 has more than flannel's own route to 10.244.2.0/24");
  });
});
