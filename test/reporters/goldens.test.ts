import {copyFileSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {beforeAll, describe, expect, test} from 'vitest';
import {modes} from '../../src/core/modes/index.js';
import {rules} from '../../src/core/rules/index.js';
import {loadBase} from '../bases/bases.js';
import {edited, without, workFolder} from '../edited.js';
import {flanctl} from '../lab/flanctl.js';

/** What people see, width 100: goldens/*.txt. `npm test -- -u` writes them again; read the diff with the eyes of somebody under pressure. */
const work = workFolder();

async function printed(args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<string> {
  const ran = await flanctl(args, {XDG_CONFIG_HOME: work.at, ...env}, work.at);
  const text = ran.stdout.replaceAll(/\b\d+ rules? (?=on)|\b\d+ rules?(?=, for want)/g, (found) =>
    found.endsWith(' ') ? 'N rules ' : 'N rules',
  );
  return `$ flanctl ${args.join(' ')}\n${text}${ran.stderr === '' ? '' : `[stderr]\n${ran.stderr}`}[exit ${ran.code}]\n`;
}

beforeAll(async () => {
  for (const base of ['vxlan', 'vxlan-dual', 'vxlan-direct', 'host-gw'])
    copyFileSync(join(import.meta.dirname, `../bases/${base}.ndjson`), work.file(base));
  for (const base of ['wireguard', 'ipsec']) await work.snapshot(base, await loadBase(base));
  await work.snapshot(
    'faults',
    await edited(
      'vxlan',
      // n1: the device is down, and the kernel took its routes with it.
      ['n1', 'ip-link', (out) => out.replace(/(flannel\.1: <[^>]*?),UP,LOWER_UP/, '$1').replace(/(flannel\.1: .*state )UNKNOWN/, '$1DOWN')],
      ['n1', 'ip-route-all', without(/dev flannel\.1/)],
      // n2: sends to an address that n3 does not have.
      ['n2', 'bridge-fdb', (out) => out.replace('dst 192.168.77.13', 'dst 192.168.77.99')],
      // n3: a neighbour that can age.
      ['n3', 'ip-neigh', (out) => out.replace(/^(10\.244\.1\.0 .*)PERMANENT/m, '$1REACHABLE')],
    ),
  );
  const [first, second, third] = await edited(
    'vxlan',
    ['n2', 'ip-neigh', () => undefined],
    ['n3', 'ip-route-all', (out) => `${out.trimEnd()}\nunicast 10.244.9.0/24 via nowhere dev flannel.1\n`],
  );
  const failure = {kind: 'auth', message: 'root@192.168.77.11:22 refused the login', hint: 'ssh-add'};
  await work.snapshot('gaps', [{...first!, sections: [], failure}, second!, third!]);
  writeFileSync(work.file('empty.json'), '{}');
});

describe('goldens', () => {
  test.each([
    ['doctor-healthy', ['doctor', '--snapshot', 'vxlan']],
    ['doctor-faults', ['doctor', '--snapshot', 'faults']],
    ['doctor-gaps', ['doctor', '--snapshot', 'gaps']],
    ['diff-healthy', ['diff', '--snapshot', 'host-gw']],
    ['diff-faults', ['diff', '--snapshot', 'faults']],
    ['diff-gaps', ['diff', '--snapshot', 'gaps']],
    ['show-routes', ['show', 'routes', '--snapshot', 'host-gw', '--node', 'n1']],
    ['show-routes-to', ['show', 'routes', '--snapshot', 'vxlan-dual', '--to', 'fd44:0:0:2::5']],
    ['show-neigh', ['show', 'neigh', '--snapshot', 'gaps']],
    ['show-fdb', ['show', 'fdb', '--snapshot', 'vxlan', '--dev', 'flannel.1']],
    ['show-rules', ['show', 'rules', '--snapshot', 'vxlan-dual', '--node', 'n1']],
    ['show-wg', ['show', 'wg', '--snapshot', 'wireguard', '--to', '10.244.2.9']],
    ['show-xfrm', ['show', 'xfrm', '--snapshot', 'ipsec', '--node', 'n1']],
    ['show-sa', ['show', 'sa', '--snapshot', 'ipsec', '--to', '192.168.77.12']],
    ['show-nodes', ['show', 'nodes', '--snapshot', 'vxlan-direct']],
    ['show-nodes-dual', ['show', 'nodes', '--snapshot', 'vxlan-dual']],
    ['show-nodes-gaps', ['show', 'nodes', '--snapshot', 'gaps']],
    ['explain-rule', ['explain', 'route-missing']],
    ['explain-mode', ['explain', 'vxlan']],
    ['explain-mode-host-gw', ['explain', 'host-gw']],
    ['explain-mode-wireguard', ['explain', 'wireguard']],
    ['explain-mode-ipsec', ['explain', 'ipsec']],
    ['explain-mode-ipip', ['explain', 'ipip']],
    ['explain-mode-udp', ['explain', 'udp']],
    ['gather', ['gather', '--snapshot', 'gaps', '-f', 'copy.br']],
  ])('%s', async (name, args) => {
    await expect(await printed(args)).toMatchFileSnapshot(join(import.meta.dirname, `goldens/${name}.txt`));
  });

  test('in colour', async () => {
    const text = await printed(['doctor', '--snapshot', 'faults'], {NO_COLOR: '', FORCE_COLOR: '1'});
    await expect(text).toMatchFileSnapshot(join(import.meta.dirname, 'goldens/doctor-faults-colour.txt'));
    expect(text.replaceAll(/\x1b\[\d+m/g, '')).toBe(await printed(['doctor', '--snapshot', 'faults']));
  });

  test('the index of explain names every mode and every rule once', async () => {
    const text = await printed(['explain']);
    await expect(text.split('\n').slice(0, 8).join('\n')).toMatchFileSnapshot(join(import.meta.dirname, 'goldens/explain-index.txt'));
    for (const id of [...rules.map((r) => r.id), ...modes.map((m) => m.type)])
      expect(
        text.split('\n').filter((l) => l.startsWith(`• ${id}`) && !/[\w-]/.test(l.charAt(2 + id.length))),
        id,
      ).toHaveLength(1);
  });

  test('no line of prose is wider than the terminal; rows and commands are kept whole, to be copied', async () => {
    for (const args of [
      ['doctor', '--snapshot', 'faults'],
      ['explain', 'route-missing'],
      ['explain', 'vxlan'],
    ]) {
      const prose = (await printed(args)).split('\n').filter((line) => !/^ {10}|^snapshot/.test(line));
      expect(prose.filter((line) => line.length > 100)).toEqual([]);
    }
  });
});
