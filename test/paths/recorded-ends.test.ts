import {expect, test} from 'vitest';
import type {PodRecord, Records, ServiceRecord} from '../../src/core/flannel/records.js';
import {tryIp} from '../../src/core/net/address.js';
import {kubernetesName} from '../../src/core/path/recorded-end.js';
import {openTrace} from '../../src/edge/trace.js';
import {wishedOf} from '../../src/edge/trace-flags.js';
import {loadBase} from '../bases/bases.js';

const pod = (name: string, node: string | undefined, ip: string | undefined, more: Partial<PodRecord> = {}): PodRecord => ({
  namespace: 'shop',
  name,
  ...(node !== undefined && {node}),
  hostNetwork: false,
  phase: ip === undefined ? 'Pending' : 'Running',
  ips: ip === undefined ? [] : [tryIp(ip)!],
  ...more,
});
const service = (name: string, ...ips: string[]): ServiceRecord => ({
  namespace: 'shop',
  name,
  clusterIPs: ips.map((ip) => tryIp(ip)!),
  ports: [],
});
const records: Records = {
  source: 'kubernetes',
  from: 'context test',
  nodes: [],
  gaps: [],
  pods: [
    pod('web-7d9f', 'n1', '10.244.1.2'),
    pod('ended', 'n2', '10.244.1.2', {phase: 'Succeeded'}),
    pod('unseen', 'n2', '10.244.2.99'),
    pod('host', 'n3', '192.168.77.13', {hostNetwork: true}),
    pod('waits', undefined, undefined),
  ],
  services: [service('web', '10.96.0.10'), service('web-7d9f', '10.96.0.11'), service('headless')],
};
const tracer = async (...ends: string[]) => {
  const dumps = await loadBase('vxlan');
  return openTrace(
    {
      async *nodes() {
        yield* dumps;
      },
    },
    {records},
    ends.length === 0 ? {} : {ends},
  );
};

test('what names mean in Kubernetes, and what must be asked for them', () => {
  expect(
    ['web-1', '10.0.0.1', 'fd00::1', 'a/b/c', 'shop/web', 'svc/shop/web', 'pod/shop/web', 'service/shop/web'].map(kubernetesName),
  ).toEqual([...[{}, {}, {}, {}], {pod: 'shop/web', service: 'shop/web'}, {service: 'shop/web'}, {pod: 'shop/web'}, {service: 'shop/web'}]);
  expect(wishedOf(['shop/web', 'n1'])).toEqual({pods: ['shop/web'], services: ['shop/web']});
  expect(wishedOf(['shop/web', 'svc/shop/web'])).toEqual({pods: ['shop/web'], services: ['shop/web']});
  expect(wishedOf(['10.0.0.1', undefined])).toEqual({});
});

test.each([
  ['shop/web-7d9f', {name: 'shop/web-7d9f', kind: 'pod', node: 'n1', pod: 'n1-p1', addresses: {4: '10.244.1.2'}}],
  ['shop/unseen', {name: 'shop/unseen', kind: 'pod', node: 'n2', addresses: {4: '10.244.2.99'}}],
  ['10.244.2.99', {name: 'shop/unseen', kind: 'pod', node: 'n2', addresses: {4: '10.244.2.99'}}],
  ['shop/host', {name: 'shop/host', kind: 'node', node: 'n3', addresses: {4: '192.168.77.13'}}],
  ['shop/web', {name: 'svc/shop/web', kind: 'service', addresses: {4: '10.96.0.10'}}],
  ['svc/shop/web-7d9f', {name: 'svc/shop/web-7d9f', kind: 'service', addresses: {4: '10.96.0.11'}}],
  ['10.96.0.10', {name: 'svc/shop/web', kind: 'service', addresses: {4: '10.96.0.10'}}],
  ['any/n1-p1', {name: 'n1-p1', kind: 'pod', node: 'n1', pod: 'n1-p1', addresses: {4: '10.244.1.2'}}],
])('%s by the records', async (text, end) => {
  expect((await tracer()).endpoint(text)).toEqual(end);
});

test('a name without an address says why', async () => {
  const {endpoint} = await tracer();
  expect(() => endpoint('shop/waits')).toThrow('pod shop/waits has no address (Pending)');
  expect(() => endpoint('shop/headless')).toThrow('service shop/headless has no address of its own: name one of its pods');
  expect(() => endpoint('shop/nobody')).toThrow(/no pod, node or address is called shop\/nobody/);
});

test('a name that stands in what could not be read is not called unknown', async () => {
  const dumps = await loadBase('vxlan');
  const over = (gaps: Records['gaps']) =>
    openTrace(
      {
        async *nodes() {
          yield* dumps;
        },
      },
      {records: {...records, pods: [], services: [], gaps}},
    );
  const dead = await over([{what: 'records', why: 'connection refused'}]);
  expect(() => dead.endpoint('shop/web')).toThrow('what shop/web is cannot be known: no records of context test: connection refused');
  expect(() => dead.endpoint('svc/shop/web')).toThrow(expect.objectContaining({exit: 3}));
  expect(() => dead.endpoint('nobody')).toThrow(expect.objectContaining({exit: 2}));
  expect(dead.endpoint('n1-p1')).toMatchObject({kind: 'pod', node: 'n1'});
  expect(dead.endpoint('any/n1-p1')).toMatchObject({kind: 'pod', node: 'n1'});
  const forbidden = await over([{what: 'services', why: 'list is missing'}]);
  expect(() => forbidden.endpoint('svc/shop/web')).toThrow(/no services of context test: list is missing/);
  expect(() => forbidden.endpoint('pod/shop/web')).toThrow(expect.objectContaining({exit: 2}));
});

test('a packet from a pod by its name in Kubernetes to one that was not gathered', async () => {
  const lazy = await tracer('shop/web-7d9f', 'shop/unseen');
  const {there, nodes} = await lazy.trace(lazy.endpoint('shop/web-7d9f'), lazy.endpoint('shop/unseen'), {proto: 'icmp'});
  expect(nodes).toEqual(['n1', 'n2']);
  expect(there.verdict.kind).toBe('broken');
  expect(JSON.stringify(there.verdict)).toContain('no-neighbour');
  const host = await lazy.trace(lazy.endpoint('shop/web-7d9f'), lazy.endpoint('shop/host'), {proto: 'icmp'});
  expect(host.there.verdict.kind).toBe('reachable');
});
