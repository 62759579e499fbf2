import {readFileSync} from 'node:fs';
import {join} from 'node:path';
import {describe, expect, test} from 'vitest';
import {parse} from 'yaml';
import {legible} from '../../src/core/change/legible.js';
import {repairPlan} from '../../src/core/change/repair.js';
import {simulate} from '../../src/core/change/simulate.js';
import {buildCluster} from '../../src/core/model/cluster.js';
import {readNode} from '../../src/core/model/read-node.js';
import {Surveyor} from '../../src/core/model/survey.js';
import {view} from '../../src/core/model/view.js';
import type {NodeDump} from '../../src/core/node/dump.js';
import type {NodeState} from '../../src/core/node/state.js';
import {rules} from '../../src/core/rules/index.js';
import {diagnoseStates} from '../../src/edge/diagnose.js';
import {loadBase, ofClouds} from '../bases/bases.js';
import {apply, type CaseEdit} from '../case-edit.js';

const macOf = () => '02:00:00:00:00:01';

function planned(dumps: readonly NodeDump[], prune: boolean) {
  const states = dumps.map(readNode);
  const surveyor = new Surveyor();
  for (const state of states) surveyor.add(state);
  const cluster = buildCluster(surveyor);
  const repair = repairPlan(
    states.map((state) => view(cluster, state)),
    {prune, macOf},
  );
  if (repair.kind === 'refused') throw new Error(repair.because.join('; '));
  const {stages, left, irreversible} = repair.plan;
  const of = (state: NodeState) => stages.flatMap(({work}) => work.flatMap((w) => (w.node === state.name ? w.operations : [])));
  return {
    after: states.map((state) => simulate(state, of(state))),
    commands: states.flatMap((state) => legible(of(state)).flatMap(({run}) => run.map((line) => `${state.name}# ${line}`))),
    left,
    irreversible,
  };
}

async function caseOf(path: string): Promise<readonly NodeDump[]> {
  const file = join(import.meta.dirname, '..', 'cases', path, 'case.yaml');
  const spec = parse(readFileSync(file, 'utf8')) as {readonly base: string; readonly edits?: readonly CaseEdit[]};
  return (spec.edits ?? []).reduce(apply, await loadBase(spec.base));
}

/** What is done for each, on the node where it is wrong. */
const mended: {readonly [path: string]: readonly string[]} = {
  'vpc-rule-to-pod-missing/one-pod': ['ip rule add from all to 10.0.0.44 lookup main pref 512'],
  'vpc-rule-from-pod-missing/one-pod': ['ip rule add from 10.0.0.44 lookup 100 pref 1536'],
  'vpc-rule-from-pod-missing/terway': ['ip rule add from 10.0.0.44 lookup 1004 pref 2048'],
  'vpc-rule-wrong-table/empty-table': [
    'ip rule add from 10.0.0.44 lookup 100 pref 1536',
    'ip rule del from 10.0.0.44 lookup 101 pref 1536',
  ],
  'vpc-host-route-missing/deleted': ['ip route replace 10.0.0.44 dev eni1e4a2762a02 scope link'],
  'vpc-host-route-missing/veth-down': ['ip link set dev eni1e4a2762a02 up', 'ip route replace 10.0.0.44 dev eni1e4a2762a02 scope link'],
  'vpc-host-route-wrong-veth/another-pods': ['ip route replace 10.0.0.44 dev eni1e4a2762a02 scope link'],
  'vpc-eni-table-empty/flushed': ['ip route replace default via 10.0.0.1 dev eth1 table 100 onlink'],
  'vpc-static-arp-missing/flushed': ['in pod n1-p2: ip neigh replace 169.254.1.1 lladdr 02:8f:18:0b:ec:ce dev eth0 nud permanent'],
  'vpc-static-arp-mismatch/veth-got-another': [
    'in pod n1-p2: ip neigh replace 169.254.1.1 lladdr 02:8f:18:0b:ec:ce dev eth0 nud permanent',
  ],
  'vpc-pod-gateway-route-missing/default': ['in pod n1-p2: ip route add default via 169.254.1.1 dev eth0'],
  'vpc-pod-gateway-route-missing/link-route': ['in pod n1-p2: ip route add 169.254.1.1 dev eth0 scope link'],
  'gr-bridge-route-missing/deleted': ['ip route replace 172.20.0.0/26 dev cbr0 proto kernel scope link src 172.20.0.1'],
  'gr-bridge-missing/no-address': ['ip addr replace 172.20.0.1/26 dev cbr0'],
  'gr-bridge-wrong-cidr/podcidr-changed': ['ip addr replace 172.20.0.1/26 dev cbr0', 'ip addr del 172.20.0.129/26 dev cbr0'],
  'gr-bridge-wrong-cidr/mask-widened': ['ip addr replace 172.20.0.1/26 dev cbr0', 'ip addr del 172.20.0.1/24 dev cbr0'],
  'gr-bridge-wrong-cidr/not-the-first': ['ip addr del 172.20.0.9/26 dev cbr0', 'ip addr replace 172.20.0.1/26 dev cbr0'],
  'gr-port-detached/taken-off': ['ip link set dev Veth6db0376d master cbr0'],
  'gr-mixed-rule-missing/agent-without-add-rule': ['ip rule add from all to 172.20.0.0/26 lookup main pref 1024'],
  'vpc-rule-leaked/dead-veth': [
    'ip rule del from all to 10.0.0.45 lookup main pref 512',
    'ip rule del from 10.0.0.45 lookup 100 pref 1536',
    'ip route del 10.0.0.45 dev eni0123456789a scope link proto boot',
  ],
};

describe('apply on nodes whose rules lead packets of pods', () => {
  for (const base of ofClouds)
    test(`${base}: nothing to do`, async () => {
      expect(planned(await loadBase(base), true).commands).toEqual([]);
    });

  for (const [path, commands] of Object.entries(mended))
    test(path, async () => {
      const dumps = await caseOf(path);
      const {after, commands: run, irreversible} = planned(dumps, true);
      expect(run).toEqual(commands.map((line) => `n1# ${line}`));
      expect(irreversible).toEqual([]);
      expect((await diagnoseStates(after, {}, rules)).findings.map((f) => f.message)).toEqual([]);
    });

  test('what a pod that is gone has left stays without --prune, and what its device still serves stays with it', async () => {
    const dumps = await caseOf('vpc-rule-leaked/dead-veth');
    expect(planned(dumps, false)).toMatchObject({
      commands: [],
      left: [{node: 'n1', what: 'rows of 10.0.0.45', why: 'no pod of the node has the address: --prune takes them away'}],
    });
  });
});
