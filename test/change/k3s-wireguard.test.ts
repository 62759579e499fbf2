import {expect, test} from 'vitest';
import type {Plan} from '../../src/core/change/plan.js';
import {modeOf} from '../../src/core/modes/index.js';
import {k3s} from '../../src/edge/change/controllers/k3s.js';
import type {Runner} from '../../src/edge/change/mesh.js';
import {stagesOf, undoOrder, withControl} from '../../src/edge/change/stages.js';
import {edited} from '../edited.js';
import {mustPlan, plan, see, target} from './planned.js';

/** `flannel-backend: wireguard-native`, from what k3s leaves on its nodes to what it is told; the packets are test/vm's matter. */
const path = '/var/lib/rancher/k3s/agent/etc/flannel/net-conf.json';
const confOf = (backend: object): string => JSON.stringify({Network: '10.244.0.0/16', EnableIPv6: false, Backend: backend});

/** n1 is a server, the others are agents, as their own shells would answer. */
function runners(config: string, netConf: string): ReadonlyMap<string, Runner> {
  const said = (node: string): string =>
    node === 'n1'
      ? `unit k3s\nexec /usr/local/bin/k3s server\nfile /etc/rancher/k3s/config.yaml ${Buffer.from(config).toString('base64')}\nend\n`
      : 'unit k3s-agent\nexec /usr/local/bin/k3s agent\nend\n';
  const runner = (node: string): Runner =>
    ({
      run: async (script: string) => ({stdout: Buffer.from(script.includes(path) ? netConf : said(node)), stderr: '', code: 0}),
    }) as unknown as Runner;
  return new Map(['n1', 'n2', 'n3'].map((node) => [node, runner(node)]));
}

async function kept(config: string, backend: object) {
  const context = {nodes: ['n1', 'n2', 'n3'], runners: runners(config, confOf(backend)), signal: new AbortController().signal};
  return (await k3s.look(context))!;
}

const staged = (made: Plan, control: ReturnType<Awaited<ReturnType<typeof kept>>['stages']>) =>
  withControl(stagesOf(made), control, made).stages;
/** The shell of one stage on its node, on the way there and back. */
const shellOf = (stages: ReturnType<typeof staged>, title: string) => {
  const [work] = stages.find((s) => s.title === title)!.work;
  const text = (batches: readonly {readonly lines: readonly string[]}[]): string => batches.flatMap((b) => b.lines).join('\n');
  return {run: text(work!.run), undo: text(work!.undo)};
};

test('to wireguard-native: k3s is restarted before any route moves, servers first; it counts when its flannel was given wireguard', async () => {
  const found = await kept('flannel-backend: vxlan\n', {Type: 'vxlan'});
  // k3s writes a keepalive of 25 seconds, and peers are expected to have it.
  const to = found.settled!(target({Type: 'wireguard'}));
  expect(to.settings.keepalive).toBe(25);
  const seen = see(await edited('vxlan', ['n1', 'subnet.env', (out) => `${out}\n`]));
  const made = mustPlan(seen, to, {podMtu: 'keep', control: {by: 'k3s', netConf: found.netConf}});
  expect(made.control).toEqual({
    by: 'k3s',
    before: found.netConf,
    after: {...(found.netConf as object), Backend: {Type: 'wireguard', PersistentKeepaliveInterval: 25}},
  });
  const stages = staged(made, found.stages(made.control!.after, ['n1', 'n2', 'n3']));
  const restarts = ['k3s of n1, a server, is restarted', 'k3s-agent of n2 is restarted', 'k3s-agent of n3 is restarted'];
  const titles = stages.map((s) => s.title);
  expect(titles.filter((t) => restarts.includes(t))).toEqual(restarts);
  const flip = stages.findIndex((s) => s.phase === 'flip');
  expect(flip).toBeGreaterThan(titles.indexOf(restarts[2]!));
  const server = shellOf(stages, restarts[0]!);
  expect(server.run).toContain('flannel-backend: wireguard-native');
  expect(server.run).toMatch(/"\[Tt\]ype".*"wireguard"/);
  expect(server.undo).toContain('flannel-backend: vxlan');
  expect(server.undo).toMatch(/"\[Tt\]ype".*"vxlan"/);
  // Back: the routes first, then the server, and only then those that ask it.
  const back = undoOrder(stages.map((s, stage) => ({...s, stage}))).map((s) => s.title);
  expect(back.indexOf(stages[flip]!.title)).toBeLessThan(back.indexOf(restarts[0]!));
  expect(back.indexOf(restarts[0]!)).toBeLessThan(back.indexOf('k3s-agent of n2 would ask again, on the way back'));
});

test('from wireguard-native: its own word is replaced, and on the way back it counts when flannel was given wireguard again', async () => {
  const found = await kept('# ours\n"flannel-backend": wireguard-native\n', {Type: 'wireguard', PersistentKeepaliveInterval: 25});
  const stages = found.stages({Backend: {Type: 'host-gw'}}, ['n1', 'n2', 'n3']);
  const server = shellOf(stages, 'k3s of n1, a server, is restarted');
  expect(server.run).toContain('flannel-backend: host-gw');
  expect(server.undo).toContain('wireguard-native');
  expect(server.undo).toMatch(/"\[Tt\]ype".*"wireguard"/);
});

test.each([
  ['a port', {ListenPort: 51900}],
  ['one device for both families', {Mode: 'auto'}],
  ['another keepalive', {PersistentKeepaliveInterval: 10}],
  ['a preshared key', {PSK: 'a'}],
])('k3s has no word for %s', async (_, settings) => {
  const found = await kept('flannel-backend: vxlan\n', {Type: 'vxlan'});
  expect(() => found.stages({Backend: {Type: 'wireguard', ...settings}}, ['n1'])).toThrow(/k3s has no word for that backend/);
});

test('it is refused where it would lose packets or is not known to survive: from ipsec, in mode auto', async () => {
  const found = await kept('flannel-backend: ipsec\n', {Type: 'ipsec'});
  const seen = see(await edited('vxlan', ['n1', 'subnet.env', (out) => `${out}\n`]));
  const control = {by: 'k3s', netConf: found.netConf};
  const ipsec = {...seen, views: seen.views.map((v) => ({...v, cluster: {...v.cluster, mode: modeOf('ipsec')!}}))};
  const lost = plan(ipsec, target({Type: 'wireguard'}), {control, podMtu: 'keep'});
  expect(lost).toMatchObject({kind: 'refused'});
  expect(JSON.stringify(lost)).toContain('ends charon and its associations');
  const auto = plan(seen, target({Type: 'wireguard', Mode: 'auto'}), {control, podMtu: 'keep'});
  expect(JSON.stringify(auto)).toContain('only its mode \\"separate\\" is known to survive a change, not auto');
});
