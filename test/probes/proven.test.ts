import {describe, expect, test} from 'vitest';
import type {Cloud} from '../../src/core/cloud/cloud.js';
import {tapsOf} from '../../src/core/path/tap.js';
import type {Flow} from '../../src/edge/probes/flow.js';
import type {Fate, Judged} from '../../src/edge/probes/judge.js';
import {lostIn, proven} from '../../src/edge/probes/proven.js';
import type {Direction, Sighting} from '../../src/edge/probes/sighting.js';
import type {Traced} from '../../src/edge/trace.js';
import {traceReport} from '../../src/edge/trace-report.js';
import {policyNodes, routerNodes, traced} from '../paths/fabric-nodes.js';

/** The walk's own devices, seen up to the last one before the cloud's network (`edge`), at all, or nowhere watched. */
function sighted(found: Traced, direction: Direction, seen: 'all' | 'edge' | 'none'): readonly Sighting[] {
  const walk = direction === 'there' ? found.there : found.back;
  const fabric = walk?.hops.find((h) => h.place === 'cloud network')?.number ?? 0;
  if (!walk || seen === 'none') return [];
  return tapsOf(walk).map(({tap, hop}): Sighting => {
    const {node, pod, dev, way} = tap;
    return {
      direction,
      hop,
      node,
      ...(pod !== undefined && {pod}),
      dev,
      way,
      tunnelled: false,
      expected: true,
      seen: seen === 'all' || hop < fabric,
    };
  });
}

const judged = (found: Traced, there: Fate, back: Fate | undefined, seen: 'all' | 'edge' | 'none'): Judged => ({
  flow: {name: 'asked', traced: found, proto: 'icmp', port: 0, sport: 0, marker: ''} satisfies Flow,
  sent: {word: back === 'arrives' ? 'answered' : 'lost', text: ''},
  predicted: {there: 'arrives', back: 'arrives'},
  measured: {there, back},
  whole: back ?? there,
  sightings: [...sighted(found, 'there', seen), ...(back === 'arrives' ? sighted(found, 'back', seen) : [])],
  died: undefined,
  agrees: there === 'arrives',
});
const report = (found: Traced) => traceReport(found, {proto: 'icmp', port: null}, [], false);
const fabrics = (of: ReturnType<typeof report>) =>
  of.directions.flatMap((d) => d.hops.flatMap((h) => h.steps.filter((s) => s.kind === 'fabric')));
const row = (dst: string, ip: string) =>
  ({provider: 'tke', tableId: 'cls-1', dst, nextHop: {type: 'GatewayIp', id: ip, ip}, state: 'active', origin: 'user', raw: {}}) as const;
const cloud = (...routes: readonly ReturnType<typeof row>[]): Cloud => ({
  routes,
  tables: [{provider: 'tke', id: 'cls-1', subnets: [], wide: true, cidr: '172.20.0.0/16'}],
  sources: {routes: {from: 'routes.json', takenAt: '2026-11-20T10:00:00Z'}},
  problems: [],
});

describe.each([
  ['Global Router', routerNodes, 'pod1', 'pod4', 'eth0 of VM-0-29', 'eth0 of VM-0-37'],
  ['VPC-CNI', policyNodes, 'pod1', 'pod4', 'eth1 of VM-0-49', 'eth1 of VM-0-22'],
] as const)('the network of %s', (_name, nodes, from, to, out, into) => {
  test('seen where it left one node and where it came to the other, it is observed', async () => {
    const found = await traced(nodes, from, to);
    const before = report(found);
    expect(fabrics(before).map((s) => [s.certainty, s.crossing?.seen])).toEqual(Array(2).fill(['inferred', null]));
    const after = proven(before, judged(found, 'arrives', 'arrives', 'all'));
    expect(fabrics(after).map((s) => s.certainty)).toEqual(['observed', 'observed']);
    expect(fabrics(after)[0]!.crossing).toMatchObject({
      ...{status: 'observed', refutedBy: []},
      seen: `seen on the wire: it left ${out} and came in at ${into}`,
      // What decided in there nobody saw.
      decides: {would: true},
    });
    expect(fabrics(after)[1]!.crossing?.seen).toBe(`seen on the wire: it left ${into} and came in at ${out}`);
    expect(after.directions.map((d) => [d.verdict, d.certainty])).toEqual(Array(2).fill(['reachable', 'observed']));
  });

  test('answered without a capture it is observed all the same', async () => {
    const found = await traced(nodes, from, to);
    const after = proven(report(found), judged(found, 'arrives', 'arrives', 'none'));
    expect(fabrics(after).map((s) => [s.certainty, s.crossing?.seen])).toEqual(
      Array(2).fill(['observed', 'proven by the answer that came']),
    );
  });

  test('seen to leave and nowhere beyond, it was lost in there, and what should have carried it is named', async () => {
    const found = await traced(nodes, from, to);
    const lost = judged(found, 'lost', undefined, 'edge');
    const after = proven(report(found), lost);
    const [there, back] = fabrics(after);
    expect(there).toMatchObject({certainty: 'inferred', crossing: {status: 'inferred'}});
    expect(there!.crossing!.seen).toBe(`seen on the wire: it left ${out}, and ${into} did not see it: the network between lost it`);
    expect(back!.crossing!.seen).toBeNull();
    const {row: decides} = there!.crossing!.decides;
    expect(lostIn(report(found), lost)).toContain(`${decides} should have carried it; nobody asked the cloud for it`);
  });

  test('not seen to leave, or with nobody looking beyond, the network is not blamed', async () => {
    const found = await traced(nodes, from, to);
    const lost = judged(found, 'lost', undefined, 'edge');
    const silent = {...lost, sightings: lost.sightings.map((s) => ({...s, seen: false}))};
    const blind = {...lost, sightings: lost.sightings.map((s) => ({...s, seen: s.seen === true ? true : undefined}))};
    for (const one of [silent, blind, {...lost, sightings: []}]) {
      expect(lostIn(report(found), one)).toBeUndefined();
      expect(fabrics(proven(report(found), one)).map((s) => s.crossing?.seen)).toEqual([null, null]);
    }
  });
});

describe('with the rows of the cloud', () => {
  const [one, two] = [row('172.20.0.0/26', '10.0.0.29'), row('172.20.0.64/26', '10.0.0.37')];
  test('what is declared and lost all the same is somebody else’s doing', async () => {
    const found = await traced(routerNodes, 'pod1', 'pod4', {cloud: cloud(one, two)});
    expect(lostIn(report(found), judged(found, 'lost', undefined, 'edge'))).toMatch(
      /172\.20\.0\.64\/26 → GatewayIp 10\.0\.0\.37 should have carried it; the cloud has it, so its security groups/,
    );
  });
  test('a row that is not there is what should have carried it', async () => {
    const found = await traced(routerNodes, 'pod1', 'pod4', {cloud: cloud(one)});
    const lost = {...judged(found, 'lost', undefined, 'edge'), predicted: {there: 'lost' as const}};
    const beyond: Sighting = {direction: 'there', node: 'VM-0-37', dev: 'eth0', tunnelled: false, expected: false, seen: false};
    expect(lostIn(report(found), {...lost, sightings: [...lost.sightings, beyond]})).toMatch(
      /between VM-0-29\/eth0 and its receiver: it has no row/,
    );
  });
});
