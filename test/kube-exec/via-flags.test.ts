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

test('an inventory says of each node how it is reached; what it takes for that has to be named', async () => {
  const listed = [
    {node: 'n1', via: 'ssh'},
    {node: 'n2', via: 'kube', otherwise: ['ssh']},
    {node: 'n3', via: 'debug'},
  ] as const;
  const go = (flags: ViaFlags, api = true) =>
    waysTo(listed, flags, {opened: api ? {records, files: {}, client, addresses: []} : undefined, listed: false, notice: () => {}});
  await expect(go({'debug-image': 'x'})).resolves.toMatchObject({addresses: listed, kube: {client, debug: expect.anything()}});
  await expect(go({via: ['ssh']}, false)).resolves.toMatchObject({addresses: listed.map(({node}) => ({node, via: 'ssh'}))});
  await expect(go({}, false)).rejects.toThrow('node n2 of the inventory: via kube goes through an API server, and none was named');
  await expect(go({})).rejects.toThrow('node n3 of the inventory: via debug needs an image');
});
