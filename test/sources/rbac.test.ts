import {readdirSync, readFileSync, rmSync} from 'node:fs';
import {join} from 'node:path';
import {afterAll, beforeAll, expect, test} from 'vitest';
import {parseAllDocuments} from 'yaml';
import {kubeClient} from '../../src/edge/sources/kube-client.js';
import {type Asked, askedOf, type Method} from '../../src/edge/sources/kube-request.js';
import {kubernetesRecords} from '../../src/edge/sources/kubernetes.js';
import {cluster} from './objects.js';
import {type Certificates, kubeconfig, makeCertificates, scratch, serving, type TinyApi, tinyApi} from './tiny-api.js';

interface Rule {
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
  readonly verbs: readonly string[];
}
const root = join(import.meta.dirname, '../..');
/** The rules of a role that a file ships. */
const rulesOf = (file: string, name: string): readonly Rule[] => {
  const documents = parseAllDocuments(readFileSync(join(root, 'docs', file), 'utf8')).map((d) => d.toJS());
  const role = documents.find((d) => /Role$/.test(d.kind) && d.metadata.name === name);
  // A role that is bound to nobody is of no use.
  expect(documents.filter((d) => d.roleRef?.name === name && d.roleRef.kind === role.kind)).toHaveLength(1);
  return role.rules;
};
const allows = (rules: readonly Rule[], {group, resource, verb}: Asked): boolean =>
  rules.some((r) => r.apiGroups.includes(group) && r.resources.includes(resource) && r.verbs.includes(verb));
const words = ({verb, resource, group}: Asked): string => `${verb} ${resource}${group === '' ? '' : `.${group}`}`;
const read = rulesOf('rbac.yaml', 'flanctl-read');
const exec = rulesOf('rbac.yaml', 'flanctl-exec');
const migrate = rulesOf('rbac-migrate.yaml', 'flanctl-migrate');

let pki: Certificates;
let api: TinyApi;
const place = scratch();
beforeAll(async () => {
  pki = makeCertificates();
  api = await tinyApi(pki, serving(cluster));
});
afterAll(async () => {
  await api[Symbol.asyncDispose]();
  place[Symbol.dispose]();
  rmSync(pki.dir, {recursive: true});
});

test('the role for reading allows every call that reading makes, and no other', async () => {
  const file = place.write('config', kubeconfig({server: api.url, 'certificate-authority': pki.ca}));
  const client = await kubeClient({kubeconfig: file, timeoutMs: 5000});
  await kubernetesRecords(client, {pods: 'all', services: 'all'});
  await kubernetesRecords(client, {pods: ['shop/web-1'], services: ['shop/web']});
  const calls = api.asked.map((line) => askedOf('GET', line.slice('GET '.length)));
  expect(calls.filter((call) => !allows(read, call)).map(words)).toEqual([]);
  const made = new Set(calls.map(words));
  const given = read.flatMap((r) =>
    r.apiGroups.flatMap((group) => r.resources.flatMap((resource) => r.verbs.map((verb) => words({group, resource, verb})))),
  );
  expect(given.filter((permission) => !made.has(permission))).toEqual([]);
  // It cannot change a thing.
  expect(read.flatMap((r) => r.verbs).filter((verb) => !['get', 'list'].includes(verb))).toEqual([]);
});

test('every path that the source asks for is allowed by a role that is shipped', () => {
  const files = readdirSync(join(root, 'src'), {recursive: true, encoding: 'utf8'}).filter((f) => f.endsWith('.ts'));
  const calls = files.flatMap((file) => {
    const text = readFileSync(join(root, 'src', file), 'utf8').replaceAll(/\/\*[\s\S]*?\*\/|^\s*\/\/.*$/gm, '');
    const called = [...text.matchAll(/\bcall\(\s*'(GET|POST|PUT|PATCH|DELETE)',\s*[`']([^`']+)[`']/g)].map((m) => [m[1]!, m[2]!] as const);
    const others = [...text.matchAll(/[`'](\/apis?\/[^`'\s]*v1[^`'\s]*)[`']/g)].map((m) => ['GET', m[1]!] as const);
    return [...called, ...others.filter(([, path]) => !called.some(([, other]) => other === path))].map(([method, path]) =>
      askedOf(method as Method, path.replace(/\$\{within\}/, '').replaceAll(/\$\{[^}]*\}/g, 'x')),
    );
  });
  expect(calls.length).toBeGreaterThan(4);
  const all = [...read, ...exec, ...migrate];
  // `x` stands where the code fills the resource in; what one may do oneself, everybody may ask (system:basic-user).
  const open = new Set(['x', 'selfsubjectaccessreviews']);
  expect(calls.filter((call) => !open.has(call.resource) && !allows(all, call)).map(words)).toEqual([]);
});
