import {afterAll, beforeAll, describe, expect, test} from 'vitest';
import type {NodeDump} from '../../src/core/node/dump.js';
import {gather} from '../../src/edge/gather/gather.js';
import {factsOf, runSteps} from '../../src/edge/lab/break.js';
import {labDown} from '../../src/edge/lab/down.js';
import type {Fault} from '../../src/edge/lab/faults/fault.js';
import {faults} from '../../src/edge/lab/faults/index.js';
import {defaultSpec, type Lab, type LabSpec, layOut} from '../../src/edge/lab/topology.js';
import {labUp} from '../../src/edge/lab/up.js';
import {connectBy} from '../../src/edge/probes/connect.js';
import type {Flow} from '../../src/edge/probes/flow.js';
import {judge} from '../../src/edge/probes/judge.js';
import {spacesOf} from '../../src/edge/probes/packets.js';
import type {Sighting} from '../../src/edge/probes/sighting.js';
import {onWire} from '../../src/edge/probes/wire.js';
import {openTrace, type Traced, type Tracer} from '../../src/edge/trace.js';
import {sharesOf} from './shares.js';

type Spec = Partial<LabSpec> & {readonly name: string};

/** The labs with captures. */
export const captureLabs = {
  vxlan: {name: 'cvx', dualStack: true},
  direct: {name: 'cvd', directRouting: true, underlay: 'routed', nodes: 4, pods: 1},
  hostGw: {name: 'chg', backend: 'host-gw', dualStack: true},
} as const satisfies Record<string, Spec>;

const shares = sharesOf(Object.values(captureLabs), 1, 2);

/** Pairs of a fault that are captured at once: one for each way to break. */
const FLOWS = 8;

const at = ({direction, pod, node, dev, way}: Sighting): string =>
  `${direction} ${pod ?? node} ${dev}${way === undefined ? '' : ` ${way}`}`;

/**
 * Every fault of this lab (of shares.ts): where trace says that a packet between pods is lost, tcpdump sees it at every device before that place,
 * on both ways, and at none behind it.
 */
export function captureMatrix(wish: Spec, only = (fault: Fault): boolean => shares(fault, wish)): void {
  // Some of a lab's faults break nothing, or all in the same way.
  const chosen = faults.filter(only);
  const atLeast = Math.ceil(chosen.length / 2);
  const spec: LabSpec = {...defaultSpec, ...wish};
  const facts = factsOf(layOut(spec, '/nowhere'));
  let lab: Lab;
  let captured = 0;
  const up = async () => {
    lab = await labUp(spec, {replace: true});
  };
  beforeAll(up);
  afterAll(async () => {
    await labDown(spec.name);
  });

  /** What was learnt while something was broken, or before it was: neighbours and path MTUs. The walk says what is without them. */
  const forget = async () => {
    const all = (ip: string) => `printf 'neigh flush all\\nroute flush cache\\n' | ${ip} -force -batch -; ${ip} -6 route flush cache`;
    await Promise.all(
      lab.nodes.map(({name, pods}) =>
        runSteps(lab, [
          {at: name, run: `{ ${['ip', ...pods.map((pod) => `ip -n ${pod.name}`)].map(all).join('; ')}; } >/dev/null 2>&1; :`},
        ]),
      ),
    );
  };

  const address = (node: string) => ({node, via: 'netns' as const, pid: lab.nodes.find((n) => n.name === node)!.pid!});
  const options = {sshHostKeys: 'strict', notice: () => {}} as const;

  const look = async () => {
    const dumps: NodeDump[] = [];
    for await (const dump of gather(
      lab.nodes.map((n) => address(n.name)),
      {transport: options},
    ))
      dumps.push(dump);
    const evidence = {
      async *nodes() {
        yield* dumps;
      },
    };
    return {tracer: await openTrace(evidence, {netConf: lab.netConf}), spaces: await spacesOf(evidence)};
  };

  /** Ways that break in health too: pods have the MTU of the IPv4 tunnel, and the IPv6 one takes less. */
  let usual: ReadonlySet<string> = new Set();
  /** One walk of each way to break: small and large, either family, by what ends it and where. */
  const brokenWalks = async (tracer: Tracer): Promise<ReadonlyMap<string, Traced>> => {
    const found = new Map<string, Traced>();
    const pods = lab.nodes.flatMap((n) => n.pods.map((p) => p.name));
    for (const family of spec.dualStack ? ([4, 6] as const) : ([4] as const))
      for (const from of pods)
        for (const to of pods.filter((name) => name !== from))
          for (const size of [undefined, 'largest'] as const) {
            const [a, b] = [tracer.endpoint(from), tracer.endpoint(to)];
            if (a.addresses[family] === undefined || b.addresses[family] === undefined) continue;
            const traced = await tracer.trace(a, b, {proto: 'icmp', family, size});
            const walk = [traced.there, traced.back].find((w) => w?.verdict.kind === 'broken');
            if (walk?.verdict.kind !== 'broken') continue;
            const last = walk.hops.at(-1)!.steps.at(-1)!;
            const key = [family, size, walk === traced.there, walk.verdict.disposition, last.kind, last.dev].join(' ');
            if (!found.has(key) && !usual.has(key)) found.set(key, traced);
          }
    return found;
  };

  /** Devices at which a packet was seen and should not have been, or the other way round. */
  const disagreements = async (): Promise<readonly string[]> => {
    await forget();
    const {tracer, spaces} = await look();
    const walks = [...(await brokenWalks(tracer)).values()].slice(0, FLOWS);
    // Two large packets between the same two pods would teach each other a path MTU.
    const pair = ({from, to, family}: Traced) => [family, ...[from.name, to.name].toSorted()].join(' ');
    const large = ({size}: Traced) => size > 1000;
    const alone = walks.filter((walk, i) => !large(walk) || walks.findIndex((one) => large(one) && pair(one) === pair(walk)) === i);
    const others = walks.filter((walk) => !alone.includes(walk));
    const wrong = await captureOf(alone, spaces);
    if (others.length > 0) await forget();
    return [...wrong, ...(await captureOf(others, spaces))];
  };

  const captureOf = async (walks: readonly Traced[], spaces: ReadonlyMap<string, readonly string[]>): Promise<readonly string[]> => {
    const flows = walks.map(
      (traced, i): Flow => ({
        name: 'asked',
        traced,
        proto: 'icmp',
        port: 0,
        sport: 0,
        marker: `${i}`.padStart(2, '0').repeat(2).padStart(32, 'fa'),
      }),
    );
    if (flows.length === 0) return [];
    const connect = connectBy({addresses: lab.nodes.map((n) => address(n.name)), transport: options});
    const wire = await onWire({flows, connect, spaces, watch: 'every', tries: 1, wait: 0.5, signal: new AbortController().signal});
    captured += flows.length;
    return [
      ...wire.gaps.map((gap) => `${gap.node}, ${gap.what}: ${gap.why}`),
      ...flows.flatMap((flow) => {
        const {sightings, sent, whole, died, agrees} = judge(flow, wire, true);
        const {from, to, family, size, there, back} = flow.traced;
        const verdict = [there, back].find((w) => w?.verdict.kind === 'broken')!.verdict;
        const name = `${from.name} > ${to.name} IPv${family} ${size} bytes (${verdict.kind === 'broken' ? `${verdict.disposition} at hop ${verdict.hop}: ${verdict.because}` : ''})`;
        const wrong = sightings
          .filter((s) => s.expected !== undefined && s.seen !== s.expected)
          .map((s) => `${at(s)} ${s.seen ? 'seen' : 'not seen'}`);
        const right = whole === 'lost' && agrees === true && died !== undefined && wrong.length === 0;
        return right ? [] : [`${name}: ${sent.word} ${sent.text}, ${whole}, agrees ${agrees}; ${wrong.join(', ')}`];
      }),
    ];
  };

  test('healthy: only what is too large for its tunnel', async () => {
    expect(await disagreements()).toEqual([]);
    usual = new Set((await brokenWalks((await look()).tracer)).keys());
    expect([...usual].filter((key) => !key.includes('too-big'))).toEqual([]);
  });

  describe.each(chosen.map((fault) => [fault.id, fault] as const))('%s', (_, fault) => {
    test('what is lost dies where trace says', async () => {
      try {
        await runSteps(lab, fault.inject(facts));
        expect(await disagreements()).toEqual([]);
      } finally {
        await runSteps(lab, fault.fix(facts)).catch(up);
      }
    });
  });

  test(`at least ${atLeast} ways to break were captured`, () => expect(captured).toBeGreaterThanOrEqual(atLeast));
}
