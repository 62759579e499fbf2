import {describe, expect, test} from 'vitest';
import {prove} from '../../src/core/change/proof.js';
import {inverses, simulate} from '../../src/core/change/simulate.js';
import {stale} from '../../src/core/change/stale.js';
import {formed} from '../forms/form.js';
import {after, differs, mustPlan, plan, type Seen, see, target} from './planned.js';

const targets = {
  vxlan: target({Type: 'vxlan', VNI: 1}),
  'host-gw': target({Type: 'host-gw'}),
  ipip: target({Type: 'ipip'}),
  'ipip DirectRouting': target({Type: 'ipip', DirectRouting: true}),
  wireguard: target({Type: 'wireguard'}),
} as const;
type Name = keyof typeof targets;

/** flanneld's devices come and go with it: `none` where nobody restarts one. */
const by = (netConf: unknown) => ({by: 'systemd', netConf});
const from = async (backend: string, dual = false): Promise<Seen> => see(await formed({backend, version: 'v0.28.9', ...(dual && {dual})}));

const ways: readonly (readonly [string, Name])[] = [
  ['vxlan', 'ipip'],
  ['vxlan', 'ipip DirectRouting'],
  ['vxlan', 'wireguard'],
  ['host-gw', 'ipip'],
  ['host-gw', 'wireguard'],
  ['ipip', 'vxlan'],
  ['ipip', 'host-gw'],
  ['ipip', 'wireguard'],
  ['udp', 'vxlan'],
  ['udp', 'host-gw'],
  ['udp', 'ipip'],
  ['wireguard', 'vxlan'],
  ['wireguard', 'host-gw'],
  ['wireguard', 'ipip'],
  ['ipsec', 'vxlan'],
  ['ipsec', 'host-gw'],
  ['ipsec', 'ipip'],
];
const dual: readonly (readonly [string, Name])[] = [
  ['vxlan', 'wireguard'],
  ['wireguard', 'vxlan'],
  ['wireguard', 'host-gw'],
];

describe.each([...ways.map((w) => [...w, false] as const), ...dual.map((w) => [...w, true] as const)])(
  'from %s to %s, dual-stack %s',
  (backend, name, both) => {
    test('the plan leads there and back, and every pair keeps a path in every state', async () => {
      const seen = await from(backend, both);
      const to = targets[name];
      const control = name === 'wireguard' ? by({Network: '10.244.0.0/16', Backend: {Type: backend}}) : 'none';
      const made = mustPlan(seen, to, {podMtu: 'set', control});
      expect(stale(made, new Map(seen.states.map((s) => [s.name, s])))).toEqual([]);
      const there = after(seen.states, made.stages);
      expect(differs(seen, to, there)).toEqual([]);
      for (const [i, state] of seen.states.entries()) {
        const done = made.stages.flatMap((s) => s.work.filter((w) => w.node === state.name).flatMap((w) => w.operations));
        const back = simulate(there[i]!, inverses(done));
        for (const table of ['route', 'neigh', 'fdb', 'wg', 'xfrm'] as const)
          expect([table, rows(back, table)]).toEqual([table, rows(state, table)]);
      }
      const proof = prove(made, seen.cluster, seen.states);
      expect({unknown: proof.unknown, broken: proof.broken, losses: proof.losses}).toEqual({unknown: [], broken: [], losses: []});
    });
  },
);

function rows(state: Seen['states'][number], table: 'route' | 'neigh' | 'fdb' | 'wg' | 'xfrm'): readonly string[] {
  return (state.tables[table] ?? [])
    .filter((r) => !(table === 'route' && (r as {protocol?: string}).protocol === 'kernel'))
    .map((r) => {
      const {
        origin: _,
        index: __,
        latestHandshake: ___,
        rxBytes: _4,
        txBytes: _5,
        protocol: _6,
        scope: _7,
        extra: _8,
        ...rest
      } = r as unknown as Record<string, unknown>;
      return JSON.stringify(rest, Object.keys(rest).sort());
    })
    .sort();
}

describe('what is refused', () => {
  test('udp and ipsec as targets, with the reason', async () => {
    for (const Type of ['udp', 'ipsec']) {
      const found = plan(await from('vxlan'), target({Type}));
      expect(found).toMatchObject({kind: 'refused'});
      expect(found.kind === 'refused' && found.because[0]).toMatch(new RegExp(`^--to ${Type}: `));
    }
  });
  test.each([
    ['udp', 'flannel0'],
    ['ipsec', 'charon'],
  ])('from %s to wireguard, since a restart of flanneld takes %s away', async (backend, what) => {
    const found = plan(await from(backend), targets.wireguard, {podMtu: 'set', control: by({Backend: {Type: backend}})});
    expect(found).toEqual({kind: 'refused', because: [expect.stringContaining(what)]});
  });
  test('ipip for pods with IPv6; wireguard without anybody who starts flanneld', async () => {
    expect(plan(await from('vxlan', true), targets.ipip)).toEqual({
      kind: 'refused',
      because: ["--to ipip: flannel's ipip has no IPv6, and pods of n1, n2, n3 have"],
    });
    expect(plan(await from('vxlan'), targets.wireguard)).toMatchObject({
      kind: 'refused',
      because: [expect.stringContaining('--controller')],
    });
  });
});

describe('the order', () => {
  const order = async (backend: string, name: Name) => {
    const control = name === 'wireguard' ? by({Network: '10.244.0.0/16', Backend: {Type: backend}}) : 'none';
    const made = mustPlan(await from(backend), targets[name], {podMtu: 'set', control});
    return made.stages.map((s) => `${s.phase}: ${s.title}${s.by === undefined ? '' : ' (flanneld)'}`);
  };
  test('to wireguard flanneld starts first, and the routes of single subnets go at the flips', async () => {
    const seen = await from('vxlan');
    const made = mustPlan(seen, targets.wireguard, {
      podMtu: 'set',
      control: by({Network: '10.244.0.0/16', Backend: {Type: 'vxlan', VNI: 1}}),
    });
    const flips = made.stages.filter((s) => s.phase === 'flip').flatMap((s) => s.work.flatMap((w) => w.operations));
    expect(flips.length).toBe(6);
    for (const op of flips) expect([op.on, op.do, op.on === 'route' && op.row.dev]).toEqual(['route', 'del', 'flannel.1']);
    expect(made.theirs).toEqual(['flannel-wg', 'flannel-wg-v6']);
    const [at, first] = [made.stages.findIndex((s) => s.by === 'flanneld'), made.stages.findIndex((s) => s.phase === 'flip')];
    expect(at).toBeGreaterThanOrEqual(0);
    expect(at).toBeLessThan(first);
  });
  test('from ipsec everybody takes both before anybody sends plainly', async () => {
    const stages = await order('ipsec', 'host-gw');
    expect(stages.findIndex((s) => s.startsWith('build'))).toBeLessThan(stages.findIndex((s) => s.startsWith('flip')));
  });
});
