import {expect, test} from 'vitest';
import {encryptedGate, encryptedSoFar, encryptingOf} from '../../src/edge/change/encrypting.js';
import type {Runner} from '../../src/edge/change/mesh.js';
import {type ChangeStage, stagesOf, withControl} from '../../src/edge/change/stages.js';
import {formed} from '../forms/form.js';
import {mustPlan, see, target} from './planned.js';

/** A node that says what `wg` and `tcpdump` would; what it was asked is kept. */
function node(says: (script: string) => string, asked: string[]): Runner {
  return {
    node: 'n1',
    async run(script) {
      asked.push(script);
      return {stdout: Buffer.from(says(script)), stderr: '', code: 0};
    },
  };
}

const peers = [1, 2, 3];
/** `wg show`'s two lists of node `self`; `silent`: the peer whose handshake it never had. */
const wg = (self: number, silent?: number) =>
  [
    ...peers.filter((p) => p !== self).map((p) => `allowed key${p}= 10.244.${p}.0/24`),
    ...peers.filter((p) => p !== self).map((p) => `at key${p}= ${p === silent ? 0 : 1795262400}`),
    'end',
  ].join('\n');

async function change() {
  const {cluster, ...seen} = see(await formed({backend: 'vxlan', version: 'v0.28.9'}));
  const netConf = {Network: '10.244.0.0/16', Backend: {Type: 'vxlan', VNI: 1}};
  const plan = mustPlan({cluster, ...seen}, target({Type: 'wireguard'}), {podMtu: 'set', control: {by: 'systemd', netConf}});
  const control = ['write', 'restart n1', 'restart n2', 'restart n3'].map(
    (title, i): ChangeStage => ({phase: 'control', title, work: [{node: `n${Math.max(i, 1)}`, run: [], undo: []}]}),
  );
  const {stages} = withControl(stagesOf(plan), control, plan);
  return {cluster, plan, stages, encrypting: encryptingOf(plan, stages, control.length)!};
}

test('the stages to ask after are the last restart and the last flip, however many the controller has', async () => {
  const {encrypting, stages} = await change();
  expect(stages[encrypting.made]).toMatchObject({phase: 'build', title: 'restart n3'});
  expect(stages[encrypting.made + 1]?.title).not.toContain('restart');
  expect(stages[encrypting.flipped]).toMatchObject({phase: 'flip'});
  expect(stages.slice(encrypting.flipped + 1).map((s) => s.phase)).not.toContain('flip');
  expect(encrypting).toMatchObject({from: {type: 'vxlan'}, to: {type: 'wireguard'}});
});

test('a change that is resumed waits for the handshakes of all pairs before its first route moves', async () => {
  const {cluster, encrypting, stages} = await change();
  const soFar = async (silent: number | undefined, done: (stage: number) => boolean) => {
    const asked: string[] = [];
    const runners = new Map(peers.map((p) => [`n${p}`, node(() => wg(p, p === 1 ? silent : undefined), asked)]));
    const context = {cluster, runners, stages: stages.length, looks: 1, send: async () => undefined};
    return {...(await encryptedSoFar(encrypting, done, context)), asked: asked.filter((s) => s.includes('latest-handshakes')).length};
  };
  // Its gate comes yet: flanneld has not been restarted everywhere.
  expect(await soFar(2, (stage) => stage < encrypting.made)).toEqual({ok: true, because: [], asked: 0});
  const restarted = (stage: number) => stage <= encrypting.made;
  const missing = await soFar(2, restarted);
  expect(missing).toEqual({ok: false, because: ['n1 → n2: no handshake on flannel-wg'], asked: 3});
  expect(await soFar(undefined, restarted)).toEqual({ok: true, because: [], asked: 3});
  // The gates of the stages that are left ask for the rest.
  expect(await soFar(2, (stage) => stage <= encrypting.flipped)).toEqual({ok: true, because: [], asked: 0});
});

test('one whose stages are all done is not called done while a packet goes in clear', async () => {
  const {cluster, encrypting, stages} = await change();
  const sent: string[] = [];
  const seen = '12:00:00.1 IP 10.244.1.2 > 10.244.2.2: ICMP echo request';
  const runners = new Map(peers.map((p) => [`n${p}`, node(() => (p === 1 ? `seen ${seen}\nend` : 'end'), sent)]));
  const context = {cluster, runners, stages: stages.length, send: async () => sent.push('all pairs')};
  const found = await encryptedSoFar(encrypting, () => true, context);
  expect(found).toEqual({ok: false, because: [`n1: a packet from pod to pod is in clear on eth0: ${seen}`]});
  expect(sent).toContain('all pairs');
  expect(sent.join()).toContain('udp dst port 8472');
});

test('^C does not break off what the last gates have sent: the signal for it is their own', async () => {
  const {cluster, encrypting, stages} = await change();
  const runners = new Map(peers.map((p) => [`n${p}`, node(() => 'end', [])]));
  for (const stage of [encrypting.flipped, stages.length - 1]) {
    const given: (boolean | undefined)[] = [];
    // As whoever sends by `mesh` does, which would throw where the operator has pressed ^C.
    const send = async (signal: AbortSignal) => given.push(signal?.aborted);
    expect(await encryptedGate(encrypting, stage, {cluster, runners, stages: stages.length, send})).toEqual({ok: true, because: []});
    expect(given).toEqual([false]);
  }
});
