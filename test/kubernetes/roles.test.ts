import {execFile} from 'node:child_process';
import {mkdtempSync, readFileSync, rmSync, symlinkSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {afterAll, beforeAll, describe, expect, test} from 'vitest';
import type {Lab} from '../../src/edge/lab/topology.js';
import {flanctl} from '../lab/flanctl.js';
import {labsWork, testLabs} from '../lab/in-lab.js';
import {LabCluster} from './lab-cluster.js';
import {type PolicyRule, rulesOf} from './rbac.js';
import {kindNamed} from './store.js';

/** The roles under docs/ in front of the whole of `doctor --via kube`: enough, and none of what it uses can be left out. */
const labs = testLabs();
const shipped = rulesOf(readFileSync(join(import.meta.dirname, '../../docs/rbac.yaml'), 'utf8'), 'flanctl');
/** What npm makes of package.json's "bin". */
const plugins = mkdtempSync(join(tmpdir(), 'flanctl-plugin-'));
symlinkSync(join(import.meta.dirname, '../../bin/run.js'), join(plugins, 'kubectl-flanctl'));
afterAll(() => rmSync(plugins, {recursive: true}));
let lab: Lab;
let cluster: LabCluster;

/** The rules without one verb on one resource. */
const without = (resource: string, verb: string): readonly PolicyRule[] =>
  shipped.flatMap((rule) => {
    if (!rule.resources?.includes(resource)) return [rule];
    return [
      {...rule, resources: rule.resources.filter((r) => r !== resource)},
      {...rule, resources: [resource], verbs: rule.verbs.filter((v) => v !== verb)},
    ];
  });

interface Said {
  readonly code: number | null;
  readonly text: string;
}
async function ranWith(name: string, rules: readonly PolicyRule[], words: readonly string[]): Promise<Said> {
  cluster.api.users.push({name, token: name, rules});
  const config = cluster.kubeconfig(name, {token: name});
  const {code, stdout, stderr} = await flanctl([...words, '--kubeconfig', config, '--via', 'kube', '--timeout', '30']);
  return {code, text: `${stdout}\n${stderr}`};
}
const doctorWith = (name: string, rules: readonly PolicyRule[]): Promise<Said> => ranWith(name, rules, ['doctor']);

describe.skipIf(!labsWork)('the role that is shipped', () => {
  beforeAll(async () => {
    lab = await labs.up({name: 'kube-role', nodes: 2, pods: 1});
    cluster = await LabCluster.of(lab);
    cluster.api.store.create(kindNamed('services'), 'default', {
      metadata: {name: 'web'},
      spec: {clusterIP: '10.96.0.10', clusterIPs: ['10.96.0.10'], ports: [{port: 80, protocol: 'TCP'}]},
    });
  }, 150_000);
  afterAll(() => cluster[Symbol.asyncDispose]());

  test('is enough for doctor through the API server, whatever verbs an exec takes', async () => {
    const all = await doctorWith('all', shipped);
    expect(all.text).not.toMatch(/forbid|403/);
    cluster.api.execVerbs = ['get'];
    // As kubectl's plugin, with the kubeconfig that kubectl goes by.
    cluster.api.users.push({name: 'old', token: 'old', rules: without('pods/exec', 'create')});
    const env = {...process.env, PATH: `${plugins}:${process.env['PATH']}`, KUBECONFIG: cluster.kubeconfig('old', {token: 'old'})};
    const old = await new Promise<Said>((done) => {
      execFile('kubectl', ['flanctl', 'doctor', '--via', 'kube', '--timeout', '30'], {env}, (error, stdout, stderr) =>
        done({code: error ? Number(error.code) : 0, text: `${stdout}\n${stderr}`}),
      );
    });
    cluster.api.execVerbs = ['get', 'create'];
    expect(old.text).not.toMatch(/forbid|403/);
    expect(old.text).toContain('nothing wrong in what could be seen');
    expect(old.code).toBe(all.code);
    expect(cluster.api.asked.filter((a) => a.subresource === 'exec').map((a) => a.namespace)).not.toContain('default');
  }, 300_000);

  test.concurrent.each([
    ['nodes', 'list', 2],
    ['daemonsets', 'list', 3],
    ['configmaps', 'get', 3],
    ['pods', 'list', 3],
    ['pods/exec', 'get', 3],
    ['pods/exec', 'create', 3],
  ] as const)(
    'lacks nothing that it could do without: %s %s',
    async (resource, verb, code) => {
      const said = await doctorWith(`no-${verb}-${resource.replace('/', '-')}`, without(resource, verb));
      expect(said.text).toMatch(/403|forbid/);
      expect(said.text).toMatch(new RegExp(`${verb} (\\S+ )?"?${resource.split('/')[0]}`));
      expect(said.code).toBe(code);
    },
    120_000,
  );

  test.concurrent.each([
    ['pods', 'get', 'trace default/n1-p1 default/n2-p1', 3, 3],
    ['services', 'get', 'trace default/n1-p1 svc/default/web', 1, 3],
    ['services', 'list', 'gather --file', 0, 0],
  ] as const)(
    'lacks nothing that it could do without: %s %s, for %s',
    async (resource, verb, words, allowed, refused) => {
      const file = `${lab.dir}/${verb}-${resource}.ndjson`;
      const call = [...words.split(' '), ...(words.startsWith('gather') ? [file] : [])];
      const all = await ranWith(`with-${verb}-${resource}`, shipped, call);
      expect(all).toMatchObject({code: allowed, text: expect.not.stringMatching(/403|forbid/)});
      const said = await ranWith(`no-${verb}-${resource}`, without(resource, verb), call);
      expect(said.text).toMatch(new RegExp(`${verb} (\\S+ )?"?${resource}`));
      expect(said.code).toBe(refused);
    },
    120_000,
  );

  test('lets nobody into a pod that is not flannel’s', async () => {
    const env = {PATH: process.env['PATH'], HOME: lab.dir, KUBECONFIG: cluster.kubeconfig('all', {token: 'all'})};
    cluster.api.users.push({name: 'all', token: 'all', rules: shipped});
    const exec = (namespace: string, pod: string): Promise<string> =>
      new Promise((done) => {
        execFile('kubectl', ['exec', '-n', namespace, pod, '--', 'hostname'], {env}, (_error, stdout, stderr) =>
          done(`${stdout}${stderr}`),
        );
      });
    const flannel = cluster.api.store.list(kindNamed('pods'), 'kube-flannel')[0]!;
    expect(await exec('kube-flannel', flannel.metadata.name)).toBe(`${(flannel['spec'] as {nodeName: string}).nodeName}\n`);
    expect(await exec('default', 'n1-p1')).toMatch(
      /"n1-p1" is forbidden: User "all" cannot \w+ resource "pods\/exec" .* in the namespace "default"/,
    );
  }, 150_000);
});
