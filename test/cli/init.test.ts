import {mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {afterAll, beforeAll, beforeEach, describe, expect, test} from 'vitest';
import {parse} from 'yaml';
import {inventoryText} from '../../src/edge/init/text.js';
import {writeFiles} from '../../src/edge/init/write.js';
import {parseInventory} from '../../src/edge/sources/inventory.js';
import {workFolder} from '../edited.js';
import {flanctl} from '../lab/flanctl.js';
import {cluster} from '../sources/objects.js';
import {type Certificates, kubeconfig, makeCertificates, serving, type TinyApi, tinyApi} from '../sources/tiny-api.js';
import {onTerminal} from './terminal.js';

const work = workFolder();
const cwd = work.file('here');
let pki: Certificates;
let api: TinyApi;
let config: string;
const env = () => ({HOME: cwd, XDG_CONFIG_HOME: join(cwd, 'xdg'), KUBECONFIG: ''});
const init = (...args: string[]) => flanctl(['init', ...args], env(), cwd);
const written = (name: string): unknown => parse(readFileSync(join(cwd, name), 'utf8'));

beforeAll(async () => {
  pki = makeCertificates();
  api = await tinyApi(pki, serving(cluster));
  config = work.file('kube.yaml');
  writeFileSync(config, kubeconfig({server: api.url, 'certificate-authority': pki.ca}));
});
afterAll(async () => {
  await api[Symbol.asyncDispose]();
  rmSync(pki.dir, {recursive: true});
});
beforeEach(() => {
  rmSync(cwd, {recursive: true, force: true});
  mkdirSync(cwd);
});

test('a kubeconfig: what it found, a configuration that names the context, and an inventory when asked for one', async () => {
  const ran = await init('--kubeconfig', config, '--write-inventory', 'nodes.yaml', '--ssh-user', 'root', '-o', 'json');
  expect(ran).toMatchObject({code: 0, stderr: ''});
  expect(JSON.parse(ran.stdout)).toMatchObject({
    kind: 'InitReport',
    from: 'context test',
    mode: 'vxlan',
    networks: ['10.244.0.0/16'],
    configuration: 'ConfigMap kube-flannel/kube-flannel-cfg, net-conf.json',
    nodes: [{name: 'n1', host: '192.0.2.1'}, {name: 'n2'}],
    files: ['nodes.yaml', 'flanctl.yaml'],
    gaps: [],
  });
  expect(written('flanctl.yaml')).toEqual({kubeconfig: config, context: 'test'});
  expect(written('nodes.yaml')).toEqual({
    apiVersion: 'flanctl.dev/v1alpha1',
    kind: 'Inventory',
    ssh: {user: 'root'},
    nodes: [
      {name: 'n1', host: '192.0.2.1'},
      {name: 'n2', host: '192.0.2.2'},
    ],
  });
  // Nothing else is left, and what is there is not written over, even in part.
  expect(readdirSync(cwd).sort()).toEqual(['flanctl.yaml', 'nodes.yaml']);
  rmSync(join(cwd, 'nodes.yaml'));
  writeFileSync(join(cwd, 'flanctl.yaml'), 'mine: true\n');
  const again = await init('--kubeconfig', config, '--write-inventory', 'nodes.yaml');
  expect(again).toMatchObject({code: 2, stderr: expect.stringContaining('flanctl.yaml is there already: nothing was written')});
  expect(readdirSync(cwd)).toEqual(['flanctl.yaml']);
  expect(await init('--kubeconfig', config, '--force')).toMatchObject({
    code: 0,
    stdout: expect.stringContaining('written to flanctl.yaml'),
  });
  expect(written('flanctl.yaml')).toMatchObject({context: 'test'});
});

test('what it writes, the other commands read', async () => {
  // Nothing of this reaches the addresses of the nodes, which are nobody's.
  const ssh = work.file('ssh_config');
  writeFileSync(ssh, 'Host *\n  ProxyCommand false\n');
  expect((await init('--kubeconfig', config, '--ssh-config', ssh)).code).toBe(0);
  const ran = await flanctl(['doctor', '--timeout', '5', '-o', 'json'], env(), cwd);
  expect(JSON.parse(ran.stdout)).toMatchObject({
    cluster: {from: 'context test', source: 'kubernetes', nodes: [{name: 'n1'}, {name: 'n2'}]},
  });
  expect(ran.code).toBe(3);
});

test('what cannot be used leaves nothing behind', async () => {
  expect(await init('--kubeconfig', config, '--context', 'other')).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('no such context: other'),
  });
  writeFileSync(work.file('dead.yaml'), kubeconfig({server: 'https://127.0.0.1:1', 'certificate-authority': pki.ca}));
  expect(await init('--kubeconfig', work.file('dead.yaml'))).toMatchObject({
    code: 3,
    stderr: expect.stringContaining('connection refused'),
  });
  expect(await init('--inventory', 'nowhere.yaml')).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('cannot read the inventory nowhere.yaml'),
  });
  expect(await init('--kubeconfig', config, '--file', 'no/such/folder.yaml')).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('cannot write'),
  });
  expect(readdirSync(cwd)).toEqual([]);
});

test('an inventory that is there', async () => {
  const file = work.file('given.yaml');
  writeFileSync(file, inventoryText('hand', [{name: 'n1'}], {}));
  expect(await init('--inventory', file)).toMatchObject({code: 0, stdout: expect.stringContaining('1 node: n1')});
  expect(written('flanctl.yaml')).toEqual({inventory: file});
});

describe('files', () => {
  test('an inventory reads back as it was meant, whatever the names are', () => {
    const nodes = [{name: 'n1', host: '192.0.2.1'}, {name: '192.0.2.2', host: '192.0.2.2'}, {name: 'yes'}, {name: '007', host: 'fd00::1'}];
    const read = parseInventory(inventoryText('context a', nodes, {user: 'root', port: 2222}), 'x');
    expect(read.ssh).toEqual({user: 'root', port: 2222});
    expect(read.nodes.map(({name, host}) => ({name, host: host ?? name}))).toEqual(
      nodes.map(({name, host}) => ({name, host: host ?? name})),
    );
  });

  test('one that does not read back is not written, and neither are the others; a link is not followed', async () => {
    const at = (name: string): string => join(cwd, name);
    const good = {path: at('good'), text: 'a', check: async () => undefined};
    const bad = {path: at('bad'), text: 'b', check: () => Promise.reject(new Error('unreadable'))};
    await expect(writeFiles([good, bad], false)).rejects.toThrow('unreadable');
    expect(readdirSync(cwd)).toEqual([]);
    writeFileSync(at('elsewhere'), 'kept');
    symlinkSync(at('elsewhere'), at('good'));
    await expect(writeFiles([good], false)).rejects.toThrow('is there already');
    await writeFiles([good], true);
    expect([readFileSync(at('elsewhere'), 'utf8'), readFileSync(at('good'), 'utf8')]).toEqual(['kept', 'a']);
  });
});

describe('on a terminal', () => {
  const asked = (...more: string[]) => onTerminal(['init', '--kubeconfig', config, '-f', join(cwd, 'flanctl.yaml'), ...more], env());
  const first = '2 nodes from context test. Write an inventory too, for when it cannot be asked? A file name, or no [no]';
  const second = 'Who logs in on the nodes over SSH? [as ssh_config says]';

  test('what cannot be found out is asked for, and the answers are written', async () => {
    const terminal = asked();
    await terminal.until(first);
    terminal.type(`${join(cwd, 'nodes.yaml')}\r`);
    await terminal.until(second);
    terminal.type('admin\r');
    expect(await terminal.ended).toBe(0);
    expect(written('nodes.yaml')).toMatchObject({ssh: {user: 'admin'}, nodes: [{name: 'n1'}, {name: 'n2'}]});
    expect(written('flanctl.yaml')).toEqual({kubeconfig: config, context: 'test'});
  }, 150_000);

  test('an empty answer is the usual one, and what a flag has said is not asked', async () => {
    const terminal = asked('--write-inventory', join(cwd, 'nodes.yaml'));
    await terminal.until(second);
    terminal.type('\r');
    expect(await terminal.ended).toBe(0);
    expect(terminal.text()).not.toContain('A file name, or no');
    expect(written('nodes.yaml')).not.toHaveProperty('ssh');
  }, 150_000);

  test.each([
    ['^C', '\x03'],
    ['^D', '\x04'],
  ])(
    '%s at a question writes nothing',
    async (_, key) => {
      const terminal = asked();
      await terminal.until(first);
      terminal.type(key);
      expect(await terminal.ended).toBe(130);
      expect(readdirSync(cwd)).toEqual([]);
    },
    60_000,
  );
});
