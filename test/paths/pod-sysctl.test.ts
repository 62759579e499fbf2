import {expect, test} from 'vitest';
import type {NodeDump, Section} from '../../src/core/node/dump.js';
import {openTrace} from '../../src/edge/trace.js';
import {loadBase} from '../bases/bases.js';

async function tracer(edit: (section: Section) => Section, sysctl: string) {
  const dumps = (await loadBase('vxlan-dual')).map((d): NodeDump => {
    if (d.node !== 'n2') return d;
    const read = {name: 'pods/n2-p1/sysctl', command: 'grep . /proc/sys/net/...', rc: 0, out: sysctl};
    return {...d, sections: [...d.sections.map(edit), read]};
  });
  return openTrace(
    {
      async *nodes() {
        yield* dumps;
      },
    },
    {},
  );
}

const settings = (filter: number) =>
  [
    'net/ipv4/conf/all/rp_filter=0',
    `net/ipv4/conf/eth0/rp_filter=${filter}`,
    ...['accept_local', 'src_valid_mark', 'send_redirects'].flatMap((n) => [`net/ipv4/conf/all/${n}=0`, `net/ipv4/conf/eth0/${n}=0`]),
    'net/ipv6/conf/eth0/disable_ipv6=0',
    'net/ipv6/conf/eth0/mtu=1280',
    '',
  ].join('\n');

const withoutGateway = (s: Section): Section =>
  s.name === 'pods/n2-p1/ip-route-all' ? {...s, out: s.out.replaceAll(/^.* via .*\n/gm, '')} : s;

test('a pod whose rp_filter finds no way back drops what comes in', async () => {
  const strict = await tracer(withoutGateway, settings(1));
  const {there} = await strict.trace(strict.endpoint('n1-p1'), strict.endpoint('n2-p1'), {proto: 'icmp', family: 4});
  expect(there.verdict).toMatchObject({kind: 'broken', disposition: 'reverse-path'});
  const off = await tracer(withoutGateway, settings(0));
  const lax = await off.trace(off.endpoint('n1-p1'), off.endpoint('n2-p1'), {proto: 'icmp', family: 4});
  expect([lax.there.verdict.kind, lax.back?.verdict]).toMatchObject(['reachable', {kind: 'broken', disposition: 'no-route'}]);
});

test('the MTU that a pod’s device has for IPv6 alone limits what it sends', async () => {
  const one = await tracer((s) => s, settings(0));
  const traced = await one.trace(one.endpoint('n2-p1'), one.endpoint('n1-p1'), {proto: 'icmp', family: 6, size: 1400});
  expect(traced.there.verdict).toMatchObject({kind: 'broken', disposition: 'too-big'});
  expect((await one.trace(one.endpoint('n2-p1'), one.endpoint('n1-p1'), {proto: 'icmp', family: 6, size: 'largest'})).size).toBe(1280);
  expect((await one.trace(one.endpoint('n2-p1'), one.endpoint('n1-p1'), {proto: 'icmp', family: 4, size: 1400})).there.verdict.kind).toBe(
    'reachable',
  );
});
