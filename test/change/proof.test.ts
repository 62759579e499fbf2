import {describe, expect, test} from 'vitest';
import type {Operation} from '../../src/core/change/operation.js';
import {contentsOf} from '../../src/core/change/operations/contents.js';
import type {Phase, Plan, Stage} from '../../src/core/change/plan.js';
import {type Proof, prove} from '../../src/core/change/proof.js';
import {type Edit, edited, without} from '../edited.js';
import {after, mustPlan, type Seen, see, target} from './planned.js';

const hostGw = target({Type: 'host-gw'});
const vxlan = target({Type: 'vxlan', VNI: 1});
const direct = target({Type: 'vxlan', VNI: 1, DirectRouting: true});
const touched: Edit = ['n1', 'ip-rule', (out) => `${out}\n`];

/** Strict rp_filter on every node, as many distributions have it. */
const strict = (nodes = ['n1', 'n2', 'n3']): readonly Edit[] =>
  nodes.map((node) => [node, 'sysctl', (out) => out.replace(/(rp_filter)=\d/g, '$1=1')]);

const proven = (plan: Plan, seen: Seen): Proof => prove(plan, seen.cluster, seen.states);
const phase = (plan: Plan, of: Phase): readonly Stage[] => plan.stages.filter((s) => s.phase === of);
/** The plan with its stages in another order, or some left out. */
const ordered = (plan: Plan, ...phases: readonly Phase[]): Plan => ({...plan, stages: phases.flatMap((p) => phase(plan, p))});
const only = (plan: Plan, keep: (op: Operation) => boolean): Plan => ({
  ...plan,
  stages: plan.stages.map((s) => ({...s, work: s.work.map((w) => ({...w, operations: w.operations.filter(keep)}))})),
});

describe('every state of a right plan keeps every pair', () => {
  for (const [base, to] of [
    ['vxlan', hostGw],
    ['vxlan-dual', hostGw],
    ['host-gw', vxlan],
    ['host-gw-dual', vxlan],
    ['vxlan-dual', direct],
    ['vxlan-direct', vxlan],
    ['vxlan', target({Type: 'vxlan', VNI: 2})],
  ] as const)
    for (const filter of ['as recorded', 'strict'] as const)
      test(`${base} to ${to.type}${to.settings.directRouting ? ' with DirectRouting' : ''} (VNI ${to.settings.vni}), rp_filter ${filter}`, async () => {
        const nodes = base === 'vxlan-direct' ? ['n1', 'n2', 'n3', 'n4'] : ['n1', 'n2', 'n3'];
        const seen = see(await edited(base, ...(filter === 'strict' ? strict(nodes) : [touched])));
        const proof = proven(mustPlan(seen, to, {podMtu: 'set'}), seen);
        expect(proof).toMatchObject({losses: [], lossCount: 0, unknown: [], broken: []});
        // Each ordered pair in more than the two ends of the way.
        expect(proof.tried).toBeGreaterThan(nodes.length * (nodes.length - 1) * 4);
      });
});

test("IPv6's own MTU of a device that is made follows the device, and not the default", async () => {
  const mtus = ['default=1280', 'eth0=1500', 'cni0=1500'].map((text) => `net/ipv6/conf/${text.replace('=', '/mtu=')}\n`).join('');
  const edits = ['n1', 'n2', 'n3'].map((node): Edit => [node, 'sysctl', (out) => `${out.trimEnd()}\n${mtus}`]);
  const seen = see(await edited('host-gw-dual', ...edits));
  const made = mustPlan(seen, vxlan, {podMtu: 'set'});
  expect(proven(made, seen)).toMatchObject({losses: [], unknown: [], broken: []});
  const built = after(seen.states, made.stages)[0]!;
  expect(built.sysctl!.get('net/ipv6/conf/flannel-v6.1/mtu')).toBe('1430');
  expect(contentsOf(built, 'flannel-v6.1').sysctl).toEqual({});
});

describe('a wrong order is refused, with the pair, the stage and the place', () => {
  test('flips without loosened strict filters', async () => {
    const seen = see(await edited('vxlan', ...strict()));
    const made = mustPlan(seen, hostGw, {podMtu: 'set'});
    const {losses, lossCount} = proven(ordered(made, 'flip', 'control', 'cleanup'), seen);
    expect(lossCount).toBe(12);
    expect(losses[0]).toMatchObject({
      stage: 'flip, 2 waves',
      from: 'n1',
      to: 'n2',
      family: 4,
      size: 84,
      fromDid: 'before',
      direction: 'there',
      disposition: 'reverse-path',
      node: 'n2',
    });
    expect(losses[0]!.toDid).toContain('replace route 10.244.');
  });
  test('the device is deleted before the flip', async () => {
    const seen = see(await edited('vxlan', touched));
    const {losses} = proven(ordered(mustPlan(seen, hostGw), 'cleanup', 'flip'), seen);
    expect(losses[0]).toMatchObject({stage: 'clean up the old path', from: 'n1', to: 'n2', direction: 'there'});
    expect(losses.map((l) => l.disposition)).toContain('no-tunnel');
  });
  test('routes before neighbours and forwarding entries', async () => {
    const seen = see(await edited('host-gw', touched));
    const made = mustPlan(seen, vxlan, {podMtu: 'set'});
    const bare = only(made, (op) => op.on !== 'neigh' && op.on !== 'fdb');
    expect(proven(bare, seen).losses[0]).toMatchObject({
      stage: 'flip, 2 waves',
      disposition: 'no-neighbour',
      from: 'n1',
      direction: 'back',
      node: 'n2',
    });
    const half = only(made, (op) => op.on !== 'fdb');
    expect(proven(half, seen).losses[0]).toMatchObject({disposition: 'no-fdb'});
    const swapped = ordered(made, 'flip', 'build');
    expect(proven(swapped, seen).losses[0]).toMatchObject({stage: 'flip, 2 waves'});
  });
  test('one node builds a device of another address than the others were told', async () => {
    const seen = see(await edited('host-gw', touched));
    const made = mustPlan(seen, vxlan, {podMtu: 'set'});
    const wrong: Plan = {
      ...made,
      stages: made.stages.map((s) => ({
        ...s,
        work: s.work.map((w) => ({
          ...w,
          operations: w.operations.map((op) =>
            w.node === 'n2' && op.on === 'link' && op.do === 'add' ? {...op, row: {...op.row, address: '02:00:00:00:00:99'}} : op,
          ),
        })),
      })),
    };
    expect(proven(wrong, seen).losses.every((l) => l.disposition === 'wrong-vtep' && (l.from === 'n2' || l.to === 'n2'))).toBe(true);
    expect(proven(wrong, seen).lossCount).toBeGreaterThan(0);
  });
  test('IPv6 alone', async () => {
    const seen = see(await edited('host-gw-dual', touched));
    const made = mustPlan(seen, vxlan, {podMtu: 'set'});
    const {losses} = proven(
      only(made, (op) => !(op.on === 'neigh' && op.row.family === 6)),
      seen,
    );
    expect(new Set(losses.map((l) => l.family))).toEqual(new Set([6]));
  });
  test('strict again while one wave is still to come', async () => {
    const seen = see(await edited('host-gw', ...strict()));
    const made = mustPlan(seen, vxlan, {podMtu: 'set', canary: 1, batch: 1});
    const [first, ...rest] = phase(made, 'flip');
    const early: Plan = {...made, stages: [...phase(made, 'loosen'), ...phase(made, 'build'), first!, ...phase(made, 'restore'), ...rest]};
    expect(proven(early, seen).losses.map((l) => l.disposition)).toContain('reverse-path');
  });
  test("packets of the pods' size that the new way does not carry", async () => {
    const seen = see(await edited('vxlan', touched));
    const made = mustPlan(seen, hostGw);
    const small: Plan = {
      ...made,
      stages: made.stages.map((s) =>
        s.phase === 'flip'
          ? {
              ...s,
              work: s.work.map((w) => ({
                ...w,
                operations: w.operations.map(
                  (op) => (op.on === 'route' ? {...op, row: {...op.row, metrics: {mtu: 1400}}} : op) as Operation,
                ),
              })),
            }
          : s,
      ),
    };
    const {losses} = proven(small, seen);
    expect(losses.map((l) => [l.size, l.disposition])[0]).toEqual([1450, 'too-big']);
    expect(losses.every((l) => l.size === 1450)).toBe(true);
  });
});

test('a pair that does not work now is named, and nothing is asked of it', async () => {
  const seen = see(await edited('vxlan', ['n1', 'bridge-fdb', without(/dst 192\.168\.77\.12/)]));
  const proof = proven(mustPlan(seen, hostGw), seen);
  expect(proof.losses).toEqual([]);
  expect(proof.broken.map((b) => `${b.from} ${b.to}`)).toEqual(['n1 n2', 'n2 n1']);
});
