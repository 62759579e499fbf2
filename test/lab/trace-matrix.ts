import {afterAll, beforeAll, describe, expect, test} from 'vitest';
import type {NodeDump} from '../../src/core/node/dump.js';
import type {Finding} from '../../src/core/rules/fold.js';
import {rules} from '../../src/core/rules/index.js';
import {diagnose} from '../../src/edge/diagnose.js';
import {gather} from '../../src/edge/gather/gather.js';
import {factsOf, runSteps} from '../../src/edge/lab/break.js';
import {labDown} from '../../src/edge/lab/down.js';
import {faults} from '../../src/edge/lab/faults/index.js';
import {labPing, type PingPair} from '../../src/edge/lab/ping.js';
import {expectedOn} from '../../src/edge/lab/provision.js';
import {defaultSpec, type Lab, type LabSpec, layOut, outside} from '../../src/edge/lab/topology.js';
import {labUp} from '../../src/edge/lab/up.js';
import {openTrace, type Traced, type Tracer} from '../../src/edge/trace.js';
import {traceReport} from '../../src/edge/trace-report.js';

/** A ping needs both ways. */
const arrives = ({there, back}: Traced): boolean => there.verdict.kind === 'reachable' && back?.verdict.kind === 'reachable';
const uncertain = ({there, back}: Traced): boolean => there.verdict.kind === 'unknown' || back?.verdict.kind === 'unknown';
const said = ({there, back}: Traced): string => {
  const bad = [there, back].find((w) => w && w.verdict.kind !== 'reachable')?.verdict;
  return bad && bad.kind !== 'reachable' ? `${bad.disposition} at hop ${bad.hop}: ${bad.because}` : 'reachable';
};

/**
 * Every fault that fits this lab: for each ordered pair of pods and the outside, in each family, small and large, the walk over what was
 * gathered says what real packets do.
 */
export function traceMatrix(wish: Partial<LabSpec> & {readonly name: string}): void {
  const spec: LabSpec = {...defaultSpec, ...wish};
  const facts = factsOf(layOut(spec, '/nowhere'));
  let lab: Lab;
  const up = async () => {
    lab = await labUp(spec, {replace: true});
  };
  beforeAll(up);
  afterAll(async () => {
    await labDown(spec.name);
  });

  const tracer = async (): Promise<{readonly trace: Tracer; readonly findings: readonly Finding[]}> => {
    const addresses = lab.nodes.map(({name, pid}) => ({node: name, via: 'netns' as const, pid: pid!}));
    const dumps: NodeDump[] = [];
    for await (const dump of gather(addresses, {transport: {sshHostKeys: 'strict', notice: () => {}}})) dumps.push(dump);
    const evidence = {
      async *nodes() {
        yield* dumps;
      },
    };
    const given = {netConf: lab.netConf};
    return {trace: await openTrace(evidence, given), findings: (await diagnose(evidence, given, rules)).findings};
  };

  /** As labPing measures: flannel gives pods the MTU of the IPv4 tunnel, and the IPv6 one takes 20 bytes less. */
  const large = (pair: PingPair, mtu: number): number => {
    const from = lab.nodes.find((n) => n.pods.some((p) => p.name === pair.from))!;
    const to = lab.nodes.find((n) => n.pods.some((p) => p.name === pair.to));
    if (pair.family === 4 || to === undefined || to === from) return mtu;
    const {route, link} = expectedOn(lab, from);
    const dev = route.find((want) => want.family === 6 && want.peer === to.name)?.row.dev;
    return Math.min(mtu, link.find((want) => want.row.ifname === dev)?.row.mtu ?? mtu);
  };

  /** Where trace and packets part, and broken ways that trace explains by another finding than doctor's first. */
  const disagreements = async (rule?: string): Promise<readonly string[]> => {
    const {trace, findings} = await tracer();
    const measured = (await labPing(lab, {})).pairs;
    const wrong: string[] = [];
    for (const pair of measured) {
      const from = trace.endpoint(pair.from);
      const address = (name: string) => lab.nodes.flatMap((n) => n.pods).find((p) => p.name === name)!;
      const target =
        pair.to === 'outside'
          ? pair.family === 4
            ? outside.ip
            : outside.ip6
          : pair.family === 4
            ? address(pair.to).ip
            : address(pair.to).ip6!;
      const to = {...trace.endpoint(target), name: pair.to};
      const sender = {...from, addresses: {[pair.family]: from.addresses[pair.family]}};
      const small = await trace.trace(sender, to, {proto: 'icmp', family: pair.family});
      const most = await trace.trace(sender, to, {proto: 'icmp', family: pair.family, size: 'largest'});
      const size = large(pair, most.size);
      const big = size === most.size ? most : await trace.trace(sender, to, {proto: 'icmp', family: pair.family, size});
      for (const [name, walked, real] of [
        ['small', small, pair.small],
        ['large', big, pair.large],
      ] as const) {
        if (arrives(walked) !== real || uncertain(walked))
          wrong.push(`${pair.from} > ${pair.to} IPv${pair.family} ${name}: measured ${real ? 'answered' : 'lost'}, traced ${said(walked)}`);
        const {directions} = traceReport(walked, {proto: 'icmp', port: null}, findings, false);
        for (const d of directions.filter((one) => one.verdict === 'broken' && one.explained?.rule !== rule))
          wrong.push(
            `${d.from} > ${d.to} IPv${pair.family} ${name}: ${d.disposition} explained by ${d.explained?.rule ?? 'nothing'}, not ${rule}`,
          );
      }
    }
    return wrong;
  };

  test('healthy', async () => expect(await disagreements()).toEqual([]));

  describe.each(faults.filter((fault) => fault.fits(facts)).map((fault) => [fault.id, fault] as const))('%s', (_, fault) => {
    test('trace says what packets do', async () => {
      try {
        await runSteps(lab, fault.inject(facts));
        expect(await disagreements(fault.expect(facts).rule)).toEqual([]);
      } finally {
        await runSteps(lab, fault.fix(facts)).catch(up);
      }
    });
  });
}
