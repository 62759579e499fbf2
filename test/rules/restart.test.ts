import {describe, expect, test} from 'vitest';
import type {Given} from '../../src/core/model/cluster.js';
import type {NodeDump} from '../../src/core/node/dump.js';
import {rules} from '../../src/core/rules/index.js';
import {diagnose} from '../../src/edge/diagnose.js';
import {edited, without} from '../edited.js';
import {type RecordEdits, recordsFor} from '../recorded.js';

/** A remedy that is to restart flannel says what that is here. */
const found = async (dumps: readonly NodeDump[], given: Given, rule: string): Promise<string | undefined> => {
  const nodes = async function* () {
    yield* dumps;
  };
  const {findings} = await diagnose({nodes}, given, rules);
  return findings.find((f) => f.rule === rule)?.remedy.summary;
};
const noRoute = (base = 'vxlan') => edited(base, ['n1', 'ip-route-all', without(/^unicast 10\.244\.2\.0\/24 via/)]);
const words = 'Write the route again (or restart flanneld on the node, which replays every lease).';
const running = (dumps: readonly NodeDump[], unit: string): readonly NodeDump[] =>
  dumps.map((d) => ({...d, sections: d.sections.map((s) => (s.name === 'host' ? {...s, out: `${s.out}flannel_unit=${unit}\n`} : s))}));
const kubernetes = (dumps: readonly NodeDump[], edits: Omit<RecordEdits, 'from'> = {}): Given => ({
  records: recordsFor(dumps, {from: 'kubernetes', ...edits}),
});

describe('on one node', () => {
  test('where nobody knows what runs it, nothing is made up', async () => {
    expect(await found(await noRoute(), {}, 'route-missing')).toBe(words);
  });

  test.each([
    ['k3s', 'systemctl restart k3s'],
    ['k3s-agent', 'systemctl restart k3s-agent'],
    ['flanneld', 'systemctl restart flanneld'],
    ['snap.microk8s.daemon-flanneld', 'snap restart microk8s.daemon-flanneld'],
  ])('the unit %s', async (unit, command) => {
    expect(await found(running(await noRoute(), unit), {}, 'route-missing')).toBe(`${words} Restarting it on n1: ${command}.`);
  });

  test('its pod, of whichever DaemonSet', async () => {
    const plain = await noRoute();
    const pod = 'kubectl -n kube-flannel delete pod kube-flannel-ds-n1';
    expect(await found(running(plain, 'flanneld'), kubernetes(plain), 'route-missing')).toBe(`${words} Restarting it on n1: ${pod}.`);
    const canal = await noRoute('canal');
    const own = 'kubectl -n kube-system delete pod rke2-canal-n1';
    expect(await found(canal, kubernetes(canal), 'route-missing')).toBe(`${words} Restarting it on n1: ${own}.`);
  });

  test('k3s, as its kubelet says, where the node was not asked', async () => {
    const dumps = await noRoute();
    const none = {'kube-flannel-ds-n1': null, 'kube-flannel-ds-n2': null, 'kube-flannel-ds-n3': null};
    const given = kubernetes(dumps, {
      pods: none,
      daemonSets: {'kube-flannel-ds': null},
      nodes: {n1: {status: {nodeInfo: {kubeletVersion: 'v1.31.2+k3s1'}}}},
    });
    expect(await found(dumps, given, 'route-missing')).toBe(
      `${words} Restarting it on n1: systemctl restart k3s (on an agent: k3s-agent).`,
    );
  });

  test('a name that is no word stays one argument', async () => {
    const dumps = await noRoute();
    const given = kubernetes(dumps, {pods: {'kube-flannel-ds-n1': {metadata: {name: 'x; reboot'}}}});
    expect(await found(dumps, given, 'route-missing')).toContain("delete pod 'x; reboot'.");
  });
});

describe('everywhere', () => {
  const bad = {configMaps: {'kube-flannel-cfg': {data: {'net-conf.json': '{"Network": "10.244.0.0/16", "Backend": {"Type": 7}}'}}}};
  test('the DaemonSet, rolled out anew', async () => {
    const dumps = await edited('vxlan');
    expect(await found(dumps, kubernetes(dumps, bad), 'netconf-invalid')).toMatch(
      /everywhere\. Restarting it: kubectl -n kube-flannel rollout restart daemonset kube-flannel-ds\.$/,
    );
  });
  test('units, each with its nodes', async () => {
    const [first, ...others] = await edited('vxlan', ['n1', 'net-conf.json', () => '{"Backend": {"Type": 7}}']);
    const dumps = [...running([first!], 'k3s'), ...running(others, 'k3s-agent')];
    expect(await found(dumps, {}, 'netconf-invalid')).toMatch(
      /Restarting it, one node after the other: systemctl restart k3s on n1; systemctl restart k3s-agent on n2, n3\.$/,
    );
  });
});

test('every rule whose remedy is to restart flannel says whose', () => {
  const speaks = rules.filter((r) => /restart (flannel|flanneld)\b/i.test(r.remedy));
  expect(speaks.length).toBeGreaterThan(20);
  expect(speaks.filter((r) => r.restarts === undefined).map((r) => r.id)).toEqual([]);
});
