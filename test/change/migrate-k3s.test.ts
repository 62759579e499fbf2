import {mkdtempSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {afterAll, describe, expect, test} from 'vitest';
import {runIn} from '../../src/edge/lab/exec.js';
import type {Lab} from '../../src/edge/lab/topology.js';
import type {ChangePlan, ChangeReport} from '../../src/edge/reporters/documents.js';
import {doctor, flanctl} from '../lab/flanctl.js';
import {labsWork, testLabs} from '../lab/in-lab.js';
import {Flannelds} from './flanneld.js';
import {rpFilter} from './rehearse.js';
import {noticed, witness} from './witness.js';

/** `flanctl migrate --controller k3s`: n1 is a server, the others are agents, and each has a flannel inside (flannel-backends.md §8). */
const labs = testLabs();
const state = mkdtempSync(join(tmpdir(), 'flanctl-state-'));
process.env['XDG_STATE_HOME'] = state;
afterAll(() => rmSync(state, {recursive: true, force: true}));

const netConf = '/var/lib/rancher/k3s/agent/etc/flannel/net-conf.json';

/**
 * What k3s does when it starts: a server reads its configuration, one that joins another ends if that one runs with another backend, an agent
 * asks the first (here: a file that all nodes see), and each writes its flannel's net-conf.json.
 */
const units =
  (lab: Lab, first = 'n1', joining?: string) =>
  (node: string): {name: string; exec: string; before: string} => {
    const server = join(lab.dir, 'server-says');
    const says = `type=$(cat /etc/rancher/k3s/config.yaml /etc/rancher/k3s/config.yaml.d/*.yaml 2>/dev/null | sed -n 's/^flannel-backend: *//p' | tail -n 1 | tr -d '"')\ntype=\${type:-vxlan}`;
    const write = `mkdir -p ${netConf.slice(0, netConf.lastIndexOf('/'))}
printf '{\\n\\t"Network": "10.244.0.0/16",\\n\\t"EnableIPv6": false,\\n\\t"EnableIPv4": true,\\n\\t"IPv6Network": "::/0",\\n\\t"Backend": {\\n\\t"Type": "%s"\\n}\\n}\\n' "$type" >${netConf}`;
    const mismatch = `if [ "$type" != "$(cat ${server})" ]; then kill $(cat /run/flanneld.pid); echo "$type" >>/run/mismatch; exit 1; fi`;
    if (node === first)
      return {name: 'k3s', exec: '/usr/local/bin/k3s server --token=secret', before: `${says}\necho "$type" >${server}\n${write}`};
    if (node === joining) return {name: 'k3s', exec: '/usr/local/bin/k3s server', before: `${says}\n${mismatch}\n${write}`};
    return {name: 'k3s-agent', exec: '/usr/local/bin/k3s agent', before: `type=$(cat ${server})\n${write}`};
  };

async function change(lab: Lab, ...words: readonly string[]): Promise<ChangeReport & {readonly code: number | null}> {
  const ran = await flanctl([...words, '--lab', lab.spec.name, '--yes', '-o', 'json', '--quiet']);
  if (!ran.stdout.startsWith('{')) throw new Error(`${words.join(' ')}: exit ${ran.code}: ${ran.stderr}`);
  return {...(JSON.parse(ran.stdout) as ChangeReport), code: ran.code};
}

describe.skipIf(!labsWork)('flannel inside k3s', () => {
  test('servers first, and on the way back too; its own words in config.yaml; nobody notices', async () => {
    const lab = await labs.up({name: 'mg-k3s', nodes: 3, pods: 1});
    const {name} = lab.spec;
    await rpFilter(lab, 1);
    const put = async (node: string, words: string): Promise<string> => {
      const ran = await runIn(lab, node, words);
      if (ran.code !== 0) throw new Error(`${node}: ${words}: ${ran.stderr}`);
      return ran.stdout;
    };
    const config = 'write-kubeconfig-mode: "0644"  # of ours\nflannel-backend: "vxlan"\ntls-san:\n  - "a.example"\n';
    await put('n1', `mkdir -p /etc/rancher/k3s; cat >/etc/rancher/k3s/config.yaml <<'E'\n${config}E`);
    await using flannelds = await Flannelds.start(lab, 1, `FLANNELD_COMM=k3s-server FLANNELD_CONF=${netConf}`, units(lab));
    for (const node of lab.nodes) await put(node.name, 'rm /etc/kube-flannel/net-conf.json');
    await flannelds.settle();
    const types = () => Promise.all(lab.nodes.map((n) => put(n.name, `sed -n 's/.*"Type": "\\(.*\\)".*/\\1/p' ${netConf}`)));
    const restarts = () => Promise.all(lab.nodes.map((n) => flannelds.restarts(n.name)));

    const unsaid = await flanctl(['migrate', '--to', 'host-gw', '--lab', name, '--yes']);
    expect(unsaid).toMatchObject({code: 2, stderr: expect.stringMatching(/flannel runs here \(n1: k3s-server, .*--controller k3s/s)});
    const no = await flanctl(['migrate', '--to', 'vxlan', '--direct-routing', '--controller', 'k3s', '--lab', name, '--yes']);
    expect(no).toMatchObject({code: 1, stderr: expect.stringContaining('k3s has no word for that backend')});
    const dry = await flanctl(['migrate', '--to', 'host-gw', '--controller', 'k3s', '--lab', name, '--dry-run', '-o', 'json']);
    const {plan, steps} = JSON.parse(dry.stdout) as ChangePlan;
    expect(plan.control).toMatchObject({by: 'k3s', before: {Backend: {Type: 'vxlan'}}, after: {Backend: {Type: 'host-gw'}}});
    expect([...new Set(steps.map((s) => s.stage))].filter((title) => title.startsWith('k3s'))).toEqual([
      'k3s-agent of n3 would ask again, on the way back',
      'k3s-agent of n2 would ask again, on the way back',
      'k3s of n1, a server, is restarted',
      'k3s-agent of n2 is restarted',
      'k3s-agent of n3 is restarted',
    ]);

    await using watch = await witness(lab);
    const there = await change(lab, 'migrate', '--to', 'host-gw', '--controller', 'k3s');
    expect(there).toMatchObject({code: 0, outcome: 'done', left: [], ledger: {total: {lost: 0, reordered: 0}}});
    expect(await put('n1', 'cat /etc/rancher/k3s/config.yaml')).toBe(config.replace('"vxlan"', 'host-gw'));
    expect(await types()).toEqual(['host-gw\n', 'host-gw\n', 'host-gw\n']);
    expect(await restarts()).toEqual([1, 1, 1]);
    const {findings, code} = await doctor(['--lab', name]);
    expect({findings, code}).toEqual({findings: [], code: 0});

    // An agent that was restarted before its server would have asked the old question again.
    expect(await change(lab, 'rollback')).toMatchObject({code: 0, outcome: 'done', left: []});
    expect(await put('n1', 'cat /etc/rancher/k3s/config.yaml')).toBe(config);
    expect(await types()).toEqual(['vxlan\n', 'vxlan\n', 'vxlan\n']);
    expect(await restarts()).toEqual([2, 2, 2]);
    for (const node of lab.nodes)
      expect((await flannelds.log(node.name)).filter((l) => /route (del|add)|link (del|add)|check added/.test(l))).toEqual([]);

    // Said in the unit, it wins over the configuration: the exact edit is told, and nothing is written.
    await put('n1', `sed 's/k3s server /k3s server --flannel-backend=vxlan /' /run/systemctl >/run/other; cat /run/other >/run/systemctl`);
    const unit = await flanctl(['migrate', '--to', 'host-gw', '--controller', 'k3s', '--lab', name, '--yes']);
    expect(unit).toMatchObject({code: 1, stderr: expect.stringContaining('n1: its unit says --flannel-backend vxlan')});
    expect(unit.stderr).toContain('write flannel-backend: vxlan to /etc/rancher/k3s/config.yaml');
    expect(noticed(await watch.stop())).toEqual([]);
  }, 600_000);

  test('of two servers first the one that the other joined, there and back: neither starts beside another backend', async () => {
    const lab = await labs.up({name: 'mg-k3sha', nodes: 3, pods: 1});
    await rpFilter(lab, 1);
    const put = async (node: string, words: string): Promise<string> => (await runIn(lab, node, words)).stdout;
    // By its name n1 would be first.
    const configs = {n1: 'server: https://n2:6443\n', n2: 'cluster-init: true\nflannel-backend: vxlan\n'};
    for (const [node, config] of Object.entries(configs))
      await put(node, `mkdir -p /etc/rancher/k3s; printf %s '${config}' >/etc/rancher/k3s/config.yaml`);
    // n2 runs already when n1 starts.
    writeFileSync(join(lab.dir, 'server-says'), 'vxlan\n');
    await using flannelds = await Flannelds.start(lab, 1, `FLANNELD_COMM=k3s-server FLANNELD_CONF=${netConf}`, units(lab, 'n2', 'n1'));
    for (const node of lab.nodes) await put(node.name, 'rm /etc/kube-flannel/net-conf.json');
    await flannelds.settle();
    const state = () =>
      Promise.all(
        lab.nodes.map((n) =>
          put(n.name, `sed -n 's/.*"Type": "\\(.*\\)".*/\\1/p' ${netConf}; cat /run/mismatch /etc/rancher/k3s/config.yaml`),
        ),
      );
    await using watch = await witness(lab);
    expect(await change(lab, 'migrate', '--to', 'host-gw', '--controller', 'k3s')).toMatchObject({code: 0, outcome: 'done', left: []});
    expect(await state()).toEqual([
      `host-gw\n${configs.n1}flannel-backend: host-gw\n`,
      `host-gw\n${configs.n2.replace('vxlan', 'host-gw')}`,
      'host-gw\n',
    ]);
    expect(await change(lab, 'rollback')).toMatchObject({code: 0, outcome: 'done', left: []});
    expect(await state()).toEqual([`vxlan\n${configs.n1}`, `vxlan\n${configs.n2}`, 'vxlan\n']);
    expect(await Promise.all(lab.nodes.map((n) => flannelds.restarts(n.name)))).toEqual([2, 2, 2]);
    expect(noticed(await watch.stop())).toEqual([]);
  }, 600_000);
});
