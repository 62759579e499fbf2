import {describe, expect, test} from 'vitest';
import {modeOf} from '../../src/core/modes/index.js';
import {controllers} from '../../src/edge/change/controllers/index.js';
import {flagsOf, placeOf} from '../../src/edge/change/controllers/systemd.js';
import {execute} from '../../src/edge/change/executor.js';
import {remember, rollback} from '../../src/edge/change/rollback.js';
import {openRunners} from '../../src/edge/change/runners.js';
import {type ChangeStage, undoOrder, withControl} from '../../src/edge/change/stages.js';
import {runIn} from '../../src/edge/lab/exec.js';
import type {Lab} from '../../src/edge/lab/topology.js';
import {labsWork, testLabs} from '../lab/in-lab.js';
import {addresses, handMadeChange, agents as open} from './change.js';

const after = {Network: '10.244.0.0/16', Backend: {Type: 'host-gw'}};

/**
 * Stand-ins on a node, in its own mounts: a process with flanneld's words, and a systemctl that writes down what it is asked
 * and which backend flanneld would find then. (No lab node can run systemd.)
 */
async function dress(lab: Lab, node: string, words: string): Promise<void> {
  const script = [
    'mkdir -p /run/fake',
    `bash -c 'echo $$ >/run/fake/pid; exec -a /opt/bin/flanneld sh -c "sleep 3600; :" flanneld ${words}' </dev/null >/dev/null 2>&1 &
until grep -q flanneld "/proc/$(cat /run/fake/pid 2>/dev/null)/cmdline" 2>/dev/null; do sleep 0.1; done`,
    `printf '%s\\n' '#!/bin/sh' 'if [ "$1" = show ]; then echo MainPID=$(cat /run/fake/pid); exit; fi' 'config=/etc/kube-flannel/net-conf.json' 'if [ "$1" = restart ]; then cp /run/flannel/subnet.env /run/fake/env; mv /run/fake/env /run/flannel/subnet.env; fi' 'echo "$* $(grep -o "vxlan\\|host-gw" $config)" >>/run/fake/calls' >/run/fake/systemctl`,
    'chmod +x /run/fake/systemctl',
    'mount --bind /run/fake/systemctl "$(command -v systemctl)"',
  ].join('\n');
  const ran = await runIn(lab, node, script);
  if (ran.code !== 0) throw new Error(ran.stderr);
}

const calls = async (lab: Lab, node: string): Promise<readonly string[]> =>
  (await runIn(lab, node, 'cat /run/fake/calls 2>/dev/null; rm -f /run/fake/calls')).stdout.split('\n').filter((line) => line !== '');

describe.skipIf(!labsWork)('flanneld as a unit of systemd', () => {
  const labs = testLabs();

  test('its net-conf in a file: before and after, one node after the other, and back', async () => {
    const lab = await labs.up({name: 'ctl-file', nodes: 2, pods: 0});
    await using runners = openRunners(addresses(lab), {sshHostKeys: 'strict', notice: () => undefined});
    for (const {name} of lab.nodes) await dress(lab, name, '--kube-subnet-mgr --ip-masq');
    const text = (await runIn(lab, 'n1', 'cat /etc/kube-flannel/net-conf.json')).stdout;
    const known: unknown = JSON.parse(text);
    const context = {nodes: ['n1', 'n2'], runners, signal: new AbortController().signal};
    const {look} = await controllers.systemd();
    const kept = await look(context);
    expect(kept?.netConf).toEqual(known);
    expect(await runIn(lab, 'n2', `sed -i 's/vxlan/udp/' /etc/kube-flannel/net-conf.json`)).toMatchObject({code: 0});
    await expect(look(context)).rejects.toThrow(/^n2: flanneld's configuration .* is not the same as on n1$/);
    expect(await runIn(lab, 'n2', `sed -i 's/udp/vxlan/' /etc/kube-flannel/net-conf.json`)).toMatchObject({code: 0});
    const control = kept!.stages(after, ['n1', 'n2']);
    expect(control.map((s) => s.title)).toEqual(['flanneld of n1 is restarted', 'flanneld of n2 is restarted']);

    const made = handMadeChange(lab, 60);
    const {stages} = withControl(made.stages, control);
    expect(stages.map((s) => s.phase)).toEqual(['loosen', 'build', 'flip', 'flip', 'control', 'control', 'cleanup', 'restore']);
    const agents = await open(lab);
    const gate = async () => ({ok: true, because: []});
    const change = {...made, stages};
    const outcome = await execute({change, agents, gate, onEvent: () => undefined, signal: context.signal});
    expect(outcome.kind).toBe('done');
    for (const {name} of lab.nodes) {
      expect(JSON.parse((await runIn(lab, name, 'cat /etc/kube-flannel/net-conf.json')).stdout)).toMatchObject(after);
      expect(await calls(lab, name)).toEqual(['restart flanneld host-gw', 'is-active --quiet flanneld host-gw']);
    }
    expect((await rollback(made.header.id, await remember(agents), {agents, ttl: 60, onEvent: () => undefined})).kind).toBe('rolled-back');
    for (const {name} of lab.nodes) {
      expect((await runIn(lab, name, 'cat /etc/kube-flannel/net-conf.json')).stdout).toBe(text);
      expect(await calls(lab, name)).toEqual(['restart flanneld vxlan', 'is-active --quiet flanneld vxlan']);
    }
  });
});

describe('what a unit was started with', () => {
  const lines = (args: string[], env: string[] = []): string =>
    [...args.map((a) => `arg ${a}`), ...env.map((e) => `env ${e}`), 'end'].join('\n');

  test('a flag wins over its variable, with one dash or two, with = or without', () => {
    const flags = flagsOf(
      lines(['flanneld', '-etcd-prefix', '/a', '--ip-masq', '--iface=eth1'], ['FLANNELD_ETCD_PREFIX=/b', 'FLANNELD_SUBNET_FILE=/c=d']),
    );
    expect(['etcd-prefix', 'ip-masq', 'iface', 'subnet-file', 'etcd-endpoints'].map(flags)).toEqual([
      '/a',
      'true',
      'eth1',
      '/c=d',
      undefined,
    ]);
  });

  test('where its configuration is', () => {
    expect(placeOf(flagsOf(lines(['flanneld', '--kube-subnet-mgr'])))).toEqual({kind: 'file', path: '/etc/kube-flannel/net-conf.json'});
    expect(placeOf(flagsOf(lines(['flanneld', '--kube-subnet-mgr', '--net-config-path=/etc/f.json'])))).toEqual({
      kind: 'file',
      path: '/etc/f.json',
    });
    expect(placeOf(flagsOf(lines(['flanneld'], ['FLANNELD_ETCD_ENDPOINTS=https://e:2379', 'FLANNELD_ETCD_CAFILE=/ca'])))).toEqual({
      kind: 'etcd',
      key: '/coreos.com/network/config',
      etcdctl: ['env', 'ETCDCTL_API=3', 'etcdctl', '--endpoints=https://e:2379', '--cacert=/ca'],
    });
  });
});

test("a controller's stages stand after the node's files and before the clean-up, and are undone after the flips", () => {
  const stage = (phase: ChangeStage['phase'], title: string): ChangeStage => ({phase, title, work: []});
  const plan = [stage('flip', 'f'), stage('control', 'files'), stage('cleanup', 'c')];
  const {stages, planned} = withControl(plan, [stage('control', 'k1'), stage('control', 'k2')]);
  expect(stages.map((s) => s.title)).toEqual(['f', 'files', 'k1', 'k2', 'c']);
  expect(stages.map((_, i) => planned(i))).toEqual([0, 1, 1, 1, 2]);
  expect(undoOrder(stages.map((s, i) => ({...s, stage: i}))).map((s) => s.title)).toEqual(['c', 'f', 'k2', 'k1', 'files']);
});

test('what flanneld makes comes before the flips; the one that takes the old path with it is started again before they are undone', () => {
  const stage = (phase: ChangeStage['phase'], title: string, some = true): ChangeStage => ({
    phase,
    title,
    work: some ? [{node: 'n1', run: [], undo: []}] : [],
  });
  const control = [stage('control', 'k1'), stage('control', 'k2')];
  const undone = (stages: readonly ChangeStage[]) => undoOrder(stages.map((s, i) => ({...s, stage: i}))).map((s) => s.title);
  const to = withControl(
    [stage('loosen', 'l'), stage('build', 'made', false), stage('build', 'b'), stage('flip', 'f'), stage('cleanup', 'c')],
    control,
  );
  expect(to.stages.map((s) => `${s.phase} ${s.title}`)).toEqual(['loosen l', 'build k1', 'build k2', 'build b', 'flip f', 'cleanup c']);
  expect(to.stages.map((_, i) => to.planned(i))).toEqual([0, 1, 1, 2, 3, 4]);
  expect(undone(to.stages)).toEqual(['c', 'f', 'b', 'k2', 'k1', 'l']);
  const from = modeOf('wireguard')!;
  const settings = from.settings({});
  const left = withControl([stage('build', 'b'), stage('flip', 'f'), stage('cleanup', 'c')], control, {
    from: {type: 'wireguard', settings},
    theirs: ['flannel-wg'],
  });
  expect(undone(left.stages)).toEqual(['c', 'k2', 'k1', 'f', 'b']);
});
