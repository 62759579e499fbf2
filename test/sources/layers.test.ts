import {afterAll, beforeEach, expect, test, vi} from 'vitest';
import {applyConfiguration} from '../../src/edge/configuration.js';
import {evidenceFlags} from '../../src/edge/evidence.js';
import {scratch} from './tiny-api.js';

const place = scratch();
const known = new Set(Object.keys(evidenceFlags));
const sources = ['SNAPSHOT', 'INVENTORY', 'LAB', 'LOCAL', 'KUBECONFIG', 'CONTEXT', 'ETCD_ENDPOINTS'];
beforeEach(() => {
  for (const name of [...sources, 'FLANNEL_NAMESPACE']) vi.stubEnv(`FLANCTL_${name}`, undefined);
});
afterAll(() => {
  vi.unstubAllEnvs();
  place[Symbol.dispose]();
});

/** Which sources are left in play beside those on the command line. */
async function left(argv: string[], env: Record<string, string>, file: string): Promise<Record<string, string>> {
  for (const [name, value] of Object.entries(env)) vi.stubEnv(name, value);
  await applyConfiguration(place.write('flanctl.yaml', file), known, argv);
  return Object.fromEntries(
    [...sources, 'FLANNEL_NAMESPACE'].flatMap((name) => {
      const value = process.env[`FLANCTL_${name}`];
      return value === undefined ? [] : [[name, value]];
    }),
  );
}

test.each([
  [
    'one layer may have both',
    [],
    {},
    'inventory: i\nkubeconfig: k\netcd-endpoints: [a, b]',
    {INVENTORY: 'i', KUBECONFIG: 'k', ETCD_ENDPOINTS: 'a,b'},
  ],
  ['a snapshot is not judged by the records of another cluster', ['--snapshot', 's'], {FLANCTL_KUBECONFIG: 'k'}, 'context: c', {}],
  ['nor a lab', ['--lab=demo'], {FLANCTL_ETCD_ENDPOINTS: 'e'}, 'kubeconfig: k', {}],
  ['nor the nodes of another inventory', ['--inventory', 'i'], {}, 'kubeconfig: k\ncontext: c', {}],
  ['another kubeconfig has other nodes and contexts', ['--kubeconfig', 'x'], {FLANCTL_CONTEXT: 'c'}, 'inventory: i', {}],
  [
    'a context is one of the kubeconfig that stands in the file',
    ['--context', 'c'],
    {},
    'kubeconfig: k\ncontext: d\ninventory: i',
    {KUBECONFIG: 'k'},
  ],
  ['or in the environment', ['--context', 'c'], {FLANCTL_KUBECONFIG: 'k', FLANCTL_INVENTORY: 'i'}, '', {KUBECONFIG: 'k'}],
  [
    'the environment goes before the file',
    [],
    {FLANCTL_CONTEXT: 'c'},
    'kubeconfig: k\ncontext: d\nlab: l',
    {KUBECONFIG: 'k', CONTEXT: 'c'},
  ],
  ['names of flannel’s objects are no source', ['--snapshot', 's'], {}, 'flannel-namespace: n', {FLANNEL_NAMESPACE: 'n'}],
])('%s', async (_, argv, env, file, expected) => {
  expect(await left(argv, env, file)).toEqual(expected);
});

test('every flag of the evidence may stand in a file that other commands read too', async () => {
  const file = Object.keys(evidenceFlags)
    .filter((name) => name !== 'pod')
    .map((name) => `${name}: x`);
  await expect(applyConfiguration(place.write('all.yaml', file.join('\n')), new Set(), [])).resolves.toBeUndefined();
});
