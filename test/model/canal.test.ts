import {describe, expect, test} from 'vitest';
import {flannelPodOf} from '../../src/core/flannel/records/daemons.js';
import type {Given} from '../../src/core/model/cluster.js';
import type {NodeDump} from '../../src/core/node/dump.js';
import {rules} from '../../src/core/rules/index.js';
import {diagnose} from '../../src/edge/diagnose.js';
import {openTrace} from '../../src/edge/trace.js';
import {loadBase} from '../bases/bases.js';
import {objectsOf, recordsFor} from '../recorded.js';

/** RKE2's canal, recorded from nodes made as model/flannel-backends.md §8 says (test/bases/canal.sh): flannel's tunnel, Calico's pods, no bridge. */
const canal = await loadBase('canal');
const netConf = {Network: '10.244.0.0/16', Backend: {Type: 'vxlan'}};
const over = (dumps: readonly NodeDump[]) => ({
  async *nodes() {
    yield* dumps;
  },
});
const judge = (dumps: readonly NodeDump[], given: Given) => diagnose(over(dumps), given, rules);

/** What is read by exec in flannel's container: its own files, and no others. */
const inContainer = canal.map(
  (dump, i): NodeDump => ({
    ...dump,
    sections: dump.sections
      .filter((s) => !/^(pods|cni)/.test(s.name))
      .map((s) => {
        if (s.name === 'skipped')
          return {...s, out: `${s.out}pods not-visible-in-pod\ncni/net.d not-visible-in-pod\ncni-bin not-visible-in-pod\n`};
        if (s.name === 'net-conf.json') return {...s, rc: 0, out: JSON.stringify(netConf)};
        if (s.name !== 'subnet.env') return s;
        return {
          ...s,
          rc: 0,
          out: `FLANNEL_NETWORK=10.244.0.0/16\nFLANNEL_SUBNET=10.244.${i + 1}.1/24\nFLANNEL_MTU=1450\nFLANNEL_IPMASQ=true\n`,
        };
      }),
  }),
);

describe('doctor', () => {
  test('has every rule judged and finds nothing, with records of the API server and with a net-conf given by hand', async () => {
    const recorded = await judge(canal, {records: recordsFor(canal, {from: 'kubernetes'})});
    expect(recorded.cluster).toMatchObject({
      source: 'kubernetes',
      configuredFrom: 'ConfigMap kube-system/rke2-canal-config, net-conf.json',
      problems: [],
    });
    expect(recorded).toMatchObject({findings: [], notEvaluated: [], gaps: []});
    expect(await judge(canal, {netConf})).toMatchObject({findings: [], notEvaluated: [], gaps: []});
  });

  test('without either it says that it cannot judge, and makes nothing up', async () => {
    const found = await judge(canal, {});
    expect(found.findings).toEqual([]);
    expect(found.notEvaluated.map((n) => n.rule)).toContain('expected-state');
  });

  test('through flannel’s own container: the tables are judged, what is not to be seen there is a gap', async () => {
    const found = await judge(inContainer, {});
    expect(found.findings).toEqual([]);
    expect(found.notEvaluated.filter((n) => n.missing.some((m) => !['pods', 'cni', 'cniBin'].includes(m)))).toEqual([]);
  });
});

test('the container to exec into is found among those of the pod', () => {
  expect(objectsOf(canal).pods).toHaveLength(3);
  for (const pod of objectsOf(canal).pods as readonly unknown[])
    expect(flannelPodOf(pod)).toMatchObject({namespace: 'kube-system', container: 'kube-flannel', daemonSet: 'rke2-canal', ready: true});
});

describe('trace', () => {
  const walk = async (dumps: readonly NodeDump[], from: string, to: string) => {
    const tracer = await openTrace(over(dumps), {netConf});
    const {there, back} = await tracer.trace(tracer.endpoint(from), tracer.endpoint(to), {proto: 'icmp'});
    return [there.verdict, back?.verdict].map((v) => (v?.kind === 'broken' || v?.kind === 'unknown' ? `${v.kind}: ${v.because}` : v?.kind));
  };

  test('goes by proxy ARP and host routes, to another node and on the same', async () => {
    expect(await walk(canal, 'n1-p1', 'n2-p1')).toEqual(['reachable', 'reachable']);
    expect(await walk(canal, 'n1-p1', 'n1-p2')).toEqual(['reachable', 'reachable']);
  });

  test('of pods that were not gathered takes the host route for the port', async () => {
    expect(await walk(inContainer, '10.244.1.2', '10.244.2.2')).toEqual(['reachable', 'reachable']);
    expect(await walk(inContainer, '10.244.1.2', '10.244.1.3')).toEqual(['reachable', 'reachable']);
  });

  test('a pod whose host route is gone is refused by the blackhole under it', async () => {
    const less = canal.map((d) =>
      d.node === 'n2'
        ? {
            ...d,
            sections: d.sections.map((s) =>
              s.name === 'ip-route-all' ? {...s, out: s.out.replace(/^unicast 10\.244\.2\.2 .*\n/m, '')} : s,
            ),
          }
        : d,
    );
    expect((await walk(less, 'n1-p1', 'n2-p1'))[0]).toMatch(/^broken: .*blackhole/);
  });
});
