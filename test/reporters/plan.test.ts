import {join} from 'node:path';
import {expect, test} from 'vitest';
import type {Plan} from '../../src/core/change/plan.js';
import {planDocument} from '../../src/edge/change/plan-document.js';
import {print} from '../../src/edge/reporters/index.js';
import {loadBase} from '../bases/bases.js';
import {withRoutes} from '../change/many-routes.js';
import {mustPlan, see, target} from '../change/planned.js';
import {edited, without, workFolder} from '../edited.js';
import {flanctl} from '../lab/flanctl.js';

/** What would be done, as people read it before they say yes. `npm test -- -u` writes the goldens again; read their diff. */
const paper = {level: 0, width: 100} as const;
const golden = (name: string): string => join(import.meta.dirname, `goldens/${name}.txt`);
const table = (plan: Plan, level: 0 | 1 = 0) => print('ChangePlan', planDocument(plan), 'table', {...paper, level});
const migration = async (base: Parameters<typeof loadBase>[0], backend: Parameters<typeof target>[0], options = {}) =>
  mustPlan(see(await loadBase(base)), target(backend), options);

test.each([
  ['plan-to-host-gw', 'vxlan', {Type: 'host-gw'}, {}],
  ['plan-to-vxlan', 'host-gw', {Type: 'vxlan'}, {podMtu: 'set'}],
  ['plan-to-vxlan-dual', 'host-gw-dual', {Type: 'vxlan', DirectRouting: true}, {podMtu: 'keep'}],
] as const)('%s', async (name, base, backend, options) => {
  await expect(await table(await migration(base, backend, options))).toMatchFileSnapshot(golden(name));
});

test('a thousand peers: a few of what is alike, and how many more there are', async () => {
  const plan = withRoutes(await migration('vxlan', {Type: 'host-gw'}), 'vxlan', 1000);
  const text = await table(plan);
  const flips = text.split('\n').slice(text.split('\n').findIndex((line) => line.startsWith('flip 1/2')));
  await expect(flips.slice(0, 11).join('\n')).toMatchFileSnapshot(golden('plan-thousand'));
  expect(text.split('\n').length).toBeLessThan(120);
  // Nothing is left out of the machine forms.
  const {steps} = JSON.parse(await print('ChangePlan', planDocument(plan), 'json', paper));
  expect(steps[0].run[0].lines).toHaveLength(1002);
  expect(steps[0].undo[0].lines).toHaveLength(1002);
});

test('every command of a small plan is there as it is run, and nothing beside but files and pods in words', async () => {
  const plan = await migration('host-gw', {Type: 'vxlan'}, {podMtu: 'set'});
  const text = await table(plan);
  const shown = new Set(text.split('\n').map((line) => line.trim().replace(/^undo: /, '')));
  const commands = planDocument(plan).steps.flatMap(({run, undo}) =>
    [...run, ...undo].flatMap(({tool, lines}) => (tool === 'sh' ? [] : lines.map((line) => `${tool} ${line}`))),
  );
  const ofPods = /^ip link set dev veth\w+ mtu \d+$/;
  expect(commands.filter((line) => !ofPods.test(line) && !shown.has(line))).toEqual([]);
  expect(text).not.toMatch(/nsenter|printf|mv -f/);
});

test('colour changes nothing but colour', async () => {
  const plan = await migration('vxlan', {Type: 'host-gw'});
  expect((await table(plan, 1)).replaceAll(/\x1b\[\d+m/g, '')).toBe(await table(plan));
});

test('apply: drift on two nodes; and nothing to do', async () => {
  const work = workFolder();
  await work.snapshot(
    'drift',
    await edited(
      'vxlan',
      [
        'n1',
        'ip-link',
        (out) => out.replace(/(flannel\.1: <[^>]*?),UP,LOWER_UP/, '$1DOWN').replace(/(flannel\.1: .*state )UNKNOWN/, '$1DOWN'),
      ],
      ['n1', 'ip-route-all', without(/dev flannel\.1/)],
      ['n2', 'bridge-fdb', (out) => out.replace('dst 192.168.77.13', 'dst 192.168.77.99')],
      ['n2', 'sysctl', (out) => out.replace('net/ipv4/ip_forward=1', 'net/ipv4/ip_forward=0')],
    ),
  );
  await work.snapshot('healthy', await loadBase('vxlan'));
  const run = async (name: string) => {
    const {stdout, stderr, code} = await flanctl(['apply', '--snapshot', name, '--dry-run'], {XDG_CONFIG_HOME: work.at}, work.at);
    return `${stdout}${stderr}[exit ${code}]\n`;
  };
  await expect(await run('drift')).toMatchFileSnapshot(golden('plan-apply'));
  await expect(await run('healthy')).toMatchFileSnapshot(golden('plan-nothing'));
});
