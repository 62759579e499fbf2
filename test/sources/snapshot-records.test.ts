import {mkdirSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {expect, test} from 'vitest';
import {recordsOfKubernetes} from '../../src/core/flannel/records/kubernetes.js';
import {rules} from '../../src/core/rules/index.js';
import {diagnose} from '../../src/edge/diagnose.js';
import {type EvidenceFlags, openEvidence} from '../../src/edge/evidence.js';
import {writeSnapshot} from '../../src/edge/snapshots/write.js';
import {filesOfKubernetes} from '../../src/edge/sources/record-files.js';
import {loadBase} from '../bases/bases.js';
import {workFolder} from '../edited.js';
import {flanctl} from '../lab/flanctl.js';
import {objectsOf} from '../recorded.js';

const work = workFolder();
const usual: EvidenceFlags = {pods: 'all', timeout: 5, concurrency: 4, 'ssh-host-keys': 'strict'};
const opened = (snapshot: string) =>
  openEvidence({...usual, snapshot}, {signal: new AbortController().signal, quiet: true, notice: () => undefined});

/** A healthy cluster, with records in which n2 has been given another subnet than it uses. */
async function disagreeing() {
  const dumps = await loadBase('vxlan');
  const objects = objectsOf(dumps);
  const n2 = (objects.nodes as {metadata: {name: string}; spec: object}[]).find((n) => n.metadata.name === 'n2')!;
  n2.spec = {podCIDR: '10.244.77.0/24', podCIDRs: ['10.244.77.0/24']};
  const records = recordsOfKubernetes(objects, {from: 'context admin@prod'});
  return {dumps, objects, records};
}

test('a snapshot that holds the records is judged as the cluster was, whether gather wrote it or they lie beside the nodes', async () => {
  const {dumps, objects, records} = await disagreeing();
  const live = await diagnose(
    {
      async *nodes() {
        yield* dumps;
      },
    },
    {records},
    rules,
  );
  expect(live.findings.map((f) => f.id)).toEqual(['lease-subnet-changed@n2']);

  const file = work.file('cluster.ndjson.br');
  await writeSnapshot(file, dumps, {takenAt: '2026-01-01T00:00:00Z', tool: 'test', extras: filesOfKubernetes(objects, records, {})});
  const kept = await opened(file);
  expect(kept.from).toBe(`snapshot ${file}, records of context admin@prod`);
  expect(kept.given.records).toEqual(records);
  expect((await diagnose(kept, kept.given, rules)).findings).toEqual(live.findings);

  const folder = work.file('loose');
  mkdirSync(folder);
  for (const {node, sections} of dumps) {
    mkdirSync(join(folder, node));
    for (const {name, out} of sections) {
      if (/^(ip-(addr|link)|ip-(6-)?(route-all|neigh|rule)|bridge-fdb|sysctl)$/.test(name))
        writeFileSync(join(folder, node, `${name}.txt`), out);
      else if (name === 'subnet.env') writeFileSync(join(folder, node, name), out);
    }
  }
  for (const [name, items] of [
    ['nodes.json', objects.nodes],
    ['configmap.json', (objects.configMaps as unknown[])[0]],
  ] as const) {
    writeFileSync(join(folder, name), JSON.stringify(name === 'nodes.json' ? {apiVersion: 'v1', kind: 'List', items} : items));
  }
  const loose = await opened(folder);
  expect(loose.from).toMatch(/loose, records of nodes\.json, configmap\.json$/);
  expect((await diagnose(loose, loose.given, rules)).findings.map((f) => f.id)).toEqual(['lease-subnet-changed@n2']);
});

test('doctor says which records it used, and what was refused of them makes it incomplete', async () => {
  const dumps = await loadBase('vxlan');
  const objects = objectsOf(dumps);
  const records = recordsOfKubernetes(objects, {from: 'context admin@prod'});
  const whole = await work.file('whole.ndjson');
  await writeSnapshot(whole, dumps, {takenAt: '', tool: '', extras: filesOfKubernetes(objects, records, {})});
  expect(await flanctl(['doctor', '--snapshot', whole])).toMatchObject({
    code: 0,
    stdout: expect.stringMatching(
      /records of context admin@prod .*configuration from ConfigMap kube-flannel\/kube-flannel-cfg, net-conf\.json/,
    ),
  });
  const part = work.file('part.ndjson');
  const refused = {...records, gaps: [{what: 'pods', why: "listing flannel's pods: forbidden"}]};
  await writeSnapshot(part, dumps, {takenAt: '', tool: '', extras: filesOfKubernetes(objects, refused, {})});
  const ran = await flanctl(['doctor', '--snapshot', part]);
  expect(ran.code).toBe(3);
  expect(ran.stdout).toContain("listing flannel's pods: forbidden");
});
