import type {NodeDump} from '../../src/core/node/dump.js';
import type {Walk} from '../../src/core/path/step.js';
import type {Finding} from '../../src/core/rules/fold.js';
import {labPing, type PingPair} from '../../src/edge/lab/ping.js';
import {expectedOn} from '../../src/edge/lab/provision.js';
import {type Lab, outside} from '../../src/edge/lab/topology.js';
import {openTrace, type Traced} from '../../src/edge/trace.js';
import {traceReport} from '../../src/edge/trace-report.js';
import {givenOf} from './given.js';

/**
 * What trace says of one ping, and with which of doctor's findings it explains each broken direction. Where it says that all hangs on whether
 * the cloud checks what an interface sends, which Tencent and Alibaba do not print, packets must go as this lab's cloud checks.
 */
interface Predicted {
  /** A ping needs both ways. */
  readonly arrives: boolean;
  readonly certain: boolean;
  readonly said: string;
  readonly explained: readonly {readonly direction: string; readonly rule: string | undefined}[];
}

type Pair = Pick<PingPair, 'from' | 'to' | 'family'>;

interface Prediction {
  readonly pair: Pair;
  readonly size: 'small' | 'large';
  readonly says: Predicted;
}

/** Every ordered pair of pods and a cloud's VM, and each with the outside, in each family of the lab. */
function pairsOf({nodes, spec, cloud}: Lab): readonly Pair[] {
  const pods = [...nodes.flatMap((n) => n.pods.map((p) => p.name)), ...(cloud ? [cloud.vm.name] : [])];
  const families = spec.dualStack ? ([4, 6] as const) : ([4] as const);
  return pods.flatMap((from) =>
    [...pods, 'outside'].filter((to) => to !== from).flatMap((to) => families.map((family) => ({from, to, family}))),
  );
}

/** The walk over what was gathered, for every ordered pair, small and large, explained by these findings. */
async function predict(lab: Lab, dumps: readonly NodeDump[], findings: readonly Finding[]): Promise<readonly Prediction[]> {
  const evidence = {
    async *nodes() {
      yield* dumps;
    },
  };
  const trace = await openTrace(evidence, await givenOf(lab));
  const anything = lab.spec.unchecked.includes('all');
  const judge = (traced: Traced): Predicted => {
    const walks = [traced.there.verdict, traced.back?.verdict];
    const hinges = (v: Walk['verdict'] | undefined) => v?.kind === 'unknown' && v.hinges === 'source-check';
    const bad = walks.find((v) => v && v.kind !== 'reachable');
    const {directions} = traceReport(traced, {proto: 'icmp', port: null}, findings, false);
    return {
      arrives: walks.every((v) => v?.kind === 'reachable' || (anything && hinges(v))),
      certain: walks.every((v) => v?.kind !== 'unknown' || hinges(v)),
      said: bad && bad.kind !== 'reachable' ? `${bad.disposition} at hop ${bad.hop}: ${bad.because}` : 'reachable',
      explained: directions
        .filter((d) => d.verdict === 'broken')
        .map((d) => ({direction: `${d.from} > ${d.to}: ${d.disposition}`, rule: d.explained?.rule})),
    };
  };
  const all: Prediction[] = [];
  for (const pair of pairsOf(lab)) {
    const {family} = pair;
    const from = trace.endpoint(pair.from === lab.cloud?.vm.name ? lab.cloud.vm.ip : pair.from);
    const sender = {...from, addresses: {[family]: from.addresses[family]}};
    const to = {...trace.endpoint(addressOf(lab, pair)), name: pair.to};
    const small = await trace.trace(sender, to, {proto: 'icmp', family});
    const most = await trace.trace(sender, to, {proto: 'icmp', family, size: 'largest'});
    const size = largeFor(lab, pair, most.size);
    const large = size === most.size ? most : await trace.trace(sender, to, {proto: 'icmp', family, size});
    all.push({pair, size: 'small', says: judge(small)}, {pair, size: 'large', says: judge(large)});
  }
  return all;
}

function addressOf(lab: Lab, {to, family}: Pair): string {
  if (to === 'outside') return family === 4 ? outside.ip : outside.ip6;
  if (to === lab.cloud?.vm.name) return lab.cloud.vm.ip;
  const pod = lab.nodes.flatMap((n) => n.pods).find((p) => p.name === to)!;
  return family === 4 ? pod.ip : pod.ip6!;
}

/** As labPing measures: flannel gives pods the MTU of the IPv4 tunnel, and the IPv6 one takes 20 bytes less. */
function largeFor(lab: Lab, pair: Pair, mtu: number): number {
  const from = lab.nodes.find((n) => n.pods.some((p) => p.name === pair.from));
  const to = lab.nodes.find((n) => n.pods.some((p) => p.name === pair.to));
  if (pair.family === 4 || from === undefined || to === undefined || to === from) return mtu;
  const {route, link} = expectedOn(lab, from);
  const dev = route.find((want) => want.family === 6 && want.peer === to.name)?.row.dev;
  return Math.min(mtu, link.find((want) => want.row.ifname === dev)?.row.mtu ?? mtu);
}

const key = ({from, to, family}: Pair): string => `${from} > ${to} IPv${family}`;

/** Patient tries, each itself three pings, that a pair gets which trace calls reachable: a busy machine is no broken path. */
const PATIENCE = 3;

/**
 * Measures every ordered pair and the outside, small and large, and compares with what trace makes of the dumps meanwhile: a lost ping takes
 * its time. One that was answered is beyond doubt; one that was not is asked again where trace says it must be.
 */
export async function compare(
  lab: Lab,
  dumps: readonly NodeDump[],
  findings: readonly Finding[],
  rule: string | undefined,
): Promise<{readonly lost: readonly PingPair[]; readonly disagreements: readonly string[]}> {
  const [{pairs}, predictions] = await Promise.all([labPing(lab, {once: true}), predict(lab, dumps, findings)]);
  const measured = new Map(pairs.map((pair) => [key(pair), pair]));
  if (measured.size !== pairsOf(lab).length) throw new Error(`${measured.size} pairs were measured, not ${pairsOf(lab).length}`);
  for (let tries = 0; tries < PATIENCE; tries++) {
    const again = predictions.filter(({pair, size, says}) => says.arrives && !measured.get(key(pair))![size]).map(({pair}) => pair);
    if (again.length === 0) break;
    for (const pair of (await labPing(lab, {only: again})).pairs) {
      const before = measured.get(key(pair))!;
      measured.set(key(pair), {...pair, small: pair.small || before.small, large: pair.large || before.large});
    }
  }
  const disagreements: string[] = [];
  for (const {pair, size, says} of predictions) {
    const answered = measured.get(key(pair))![size];
    if (says.arrives !== answered || !says.certain)
      disagreements.push(`${key(pair)} ${size}: measured ${answered ? 'answered' : 'lost'}, traced ${says.said}`);
    for (const {direction, rule: by} of says.explained.filter((e) => e.rule !== rule))
      disagreements.push(`IPv${pair.family} ${size} ${direction} explained by ${by ?? 'nothing'}, not ${rule ?? 'there'}`);
  }
  return {lost: [...measured.values()].filter((p) => !p.small || !p.large), disagreements};
}
