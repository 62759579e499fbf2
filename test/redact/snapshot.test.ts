import {readFileSync} from 'node:fs';
import {describe, expect, test} from 'vitest';
import {tryIp, tryMac} from '../../src/core/net/address.js';
import type {NodeDump} from '../../src/core/node/dump.js';
import {redactSnapshot} from '../../src/edge/snapshots/redact.js';
import {bases, loadBase} from '../bases/bases.js';
import {workFolder} from '../edited.js';
import {flanctl} from '../lab/flanctl.js';
import {filesFor} from '../recorded.js';

const work = workFolder();

/** The same cluster under names that occur nowhere else. */
const named = (dumps: readonly NodeDump[]): readonly NodeDump[] =>
  JSON.parse(JSON.stringify(dumps), (_, value: unknown) =>
    typeof value === 'string'
      ? value.replaceAll(/\bn(\d)-p(\d)\b/g, 'cart-$1$2-x7f').replaceAll(/\bn(\d)\b/g, 'berlin-$1.acme.example')
      : value,
  ) as NodeDump[];

describe.each([
  ['kubernetes', 'vxlan-dual'],
  ['etcd', 'host-gw-dual'],
] as const)('records of %s, %s', (from, base) => {
  test('nothing of what was there is there afterwards', async () => {
    const dumps = named(await loadBase(base));
    const files = filesFor(dumps, {from});
    const before = JSON.stringify([dumps, files]);
    const redacted = redactSnapshot(dumps, files);
    const after = JSON.stringify([redacted.dumps, redacted.extras]);
    expect(after).not.toMatch(/acme|berlin|cart-/);
    const tokens = (text: string): Set<string> => new Set(text.match(/[0-9a-f]{0,4}:[0-9a-f:]+|\d+(?:\.\d+){3}/gi));
    const stay = /^(0|127|169\.254|22[4-9]|255)\.|^(::|fe80::|ff0|33:33:00|33:33:ff:00:00|01:(00|80)|00:00:00:00|ff:ff)|^fe80::\/|^fd/i;
    const left = [...tokens(before)].filter((t) => (tryIp(t) ?? tryMac(t)) !== undefined && !stay.test(t) && tokens(after).has(t));
    expect(left).toEqual([]);
    expect(redacted.nameOf('berlin-2.acme.example')).toBe(redacted.dumps[1]!.node);
  });
});

test('two redacted snapshots of one cluster cannot be laid over each other', async () => {
  const dumps = await loadBase('vxlan');
  const [a, b] = [redactSnapshot(dumps, {}), redactSnapshot(dumps, {})];
  const macs = ({dumps}: {dumps: readonly NodeDump[]}): readonly string[] =>
    JSON.stringify(dumps).match(/lladdr (?:[0-9a-f]{2}:){5}[0-9a-f]{2}/g)!;
  expect(macs(a).filter((mac) => macs(b).includes(mac))).toEqual([]);
});

test('the command writes it, says what the nodes are called there, and doctor says the same of it', async () => {
  const from = await work.snapshot('secret', named(await loadBase(bases[0])));
  const ran = await flanctl(['gather', '--snapshot', from, '--redact', '--file', work.file('public'), '-o', 'json'], {
    XDG_CONFIG_HOME: work.at,
  });
  expect(ran).toMatchObject({code: 0, stderr: ''});
  const report = JSON.parse(ran.stdout) as {nodes: {node: string; as: string}[]};
  expect(report.nodes.map((n) => n.node)).toEqual(['berlin-1.acme.example', 'berlin-2.acme.example', 'berlin-3.acme.example']);
  const written = readFileSync(work.file('public'), 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
  expect(written[0]).toMatchObject({kind: 'Snapshot', redacted: true});
  expect(written.slice(1).map((node) => node['node'])).toEqual(report.nodes.map((n) => n.as));
  const judged = await flanctl(['doctor', '--snapshot', work.file('public')], {XDG_CONFIG_HOME: work.at});
  expect(judged).toMatchObject({code: 0});
});
