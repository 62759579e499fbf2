import {expect, test} from 'vitest';
import type {Records} from '../../src/core/flannel/records.js';
import type {KubeClient} from '../../src/edge/sources/kube-client.js';
import {type ViaFlags, waysTo} from '../../src/edge/via-flags.js';

const records: Records = {source: 'kubernetes', from: 'context test', nodes: [], gaps: []};
const client = {} as KubeClient;
const ways = async (flags: ViaFlags, {api = true, listed = true} = {}) => {
  const opened = api ? {records, files: {}, client, addresses: []} : undefined;
  const {addresses} = await waysTo([{node: 'n1', via: 'netns'}], flags, {opened, listed, notice: () => {}});
  return [addresses[0]!.via, ...(addresses[0]!.otherwise ?? [])].join();
};

test('the order is the one that was asked for; else that of where the nodes come from', async () => {
  expect(await ways({})).toBe('kube,ssh');
  expect(await ways({}, {listed: false})).toBe('netns');
  expect(await ways({}, {api: false})).toBe('netns');
  expect(await ways({via: ['ssh', 'kube']})).toBe('ssh,kube');
  expect(await ways({via: ['kube', 'ssh']}, {listed: false})).toBe('kube,ssh');
  expect(await ways({via: ['ssh']}, {api: false})).toBe('ssh');
  expect(await ways({'debug-image': 'x'})).toBe('kube,debug,ssh');
});

test.each([
  [{via: ['kube']}, {api: false}, '--via kube goes through an API server, and none was named'],
  [{via: ['debug']}, {}, '--via debug needs an image'],
  [{via: ['ssh'], 'debug-image': 'x'}, {}, '--debug-image is for --via debug, which is not among the ways'],
  [{'debug-image': 'x'}, {api: false}, '--debug-image is for --via debug, which is not among the ways'],
] as const)('%j cannot be meant', async (flags, how, words) => {
  await expect(ways(flags, how)).rejects.toThrow(words);
});
