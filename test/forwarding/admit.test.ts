import {spawnSync} from 'node:child_process';
import fc from 'fast-check';
import {afterAll, beforeAll, describe, expect, test} from 'vitest';
import {admit} from '../../src/core/forwarding/admit.js';
import {readNode} from '../../src/core/model/read-node.js';
import type {Family, Ip} from '../../src/core/net/address.js';
import type {NodeState} from '../../src/core/node/state.js';

/**
 * What a router lets pass, with real packets: an echo request from one namespace through a second to a third, where the counter of
 * echo requests says whether it arrived. `ip route get` cannot show this for IPv6, which asks nothing before the packet is there.
 */
const asRoot = process.getuid?.() === 0;
const [sender, router, target] = ['a', 'r', 'b'].map((end) => `flanctl-admit-${process.pid}-${end}`) as [string, string, string];

const inside = (ns: string, script: string): string => {
  const {status, stdout, stderr} = spawnSync('ip', ['netns', 'exec', ns, 'sh', '-c', script], {encoding: 'utf8'});
  if (status !== 0) throw new Error(`${script}: ${stderr}`);
  return stdout;
};

interface Case {
  readonly family: Family;
  readonly src: Ip;
  readonly back: string;
  readonly sysctls: readonly (readonly [path: string, value: number])[];
}

const set = (family: Family, names: {readonly [name: string]: readonly number[]}): fc.Arbitrary<Case['sysctls']> =>
  fc.tuple(
    ...Object.entries(names).map(([name, values]) =>
      fc.constantFrom(...values).map((value): readonly [string, number] => [`net/ipv${family}/conf/${name}`, value]),
    ),
  );

const cases4: fc.Arbitrary<Case> = fc.record({
  family: fc.constant(4 as const),
  src: fc.constantFrom('10.1.0.2', '10.9.0.1', '10.9.0.1', '10.2.0.77', '10.2.0.1', '0.1.0.1'),
  back: fc.constantFrom('10.9.0.0/24 dev a0', '10.9.0.0/24 dev b0', 'blackhole 10.9.0.0/24', 'default dev b0', ''),
  sysctls: set(4, {
    'all/rp_filter': [0, 0, 1, 2],
    'a0/rp_filter': [0, 0, 1, 2],
    'a0/forwarding': [1, 1, 1, 0],
    'b0/forwarding': [1, 0],
    'a0/accept_local': [0, 0, 1],
  }),
});
const cases6: fc.Arbitrary<Case> = fc.record({
  family: fc.constant(6 as const),
  src: fc.constantFrom('fd01::2', 'fd09::1', 'fd02::77', 'fd02::1'),
  back: fc.constantFrom('fd09::/64 dev b0', 'blackhole fd09::/64', ''),
  // `all` sets those of the devices, so it comes first.
  sysctls: set(6, {'all/forwarding': [0, 1], 'a0/forwarding': [0, 1], 'b0/forwarding': [0, 1], 'a0/force_forwarding': [0, 0, 1]}),
});

function become({family, back, sysctls}: Case): NodeState {
  const flush = `for t in 10.9.0.0/24 default; do ip -4 route flush exact $t; done; ip -6 route flush exact fd09::/64;`;
  const add = back === '' ? '' : `ip -${family} route add ${back};`;
  const values = sysctls.map(([path, value]) => `[ ! -e /proc/sys/${path} ] || echo ${value} >/proc/sys/${path};`).join('');
  const sections = [
    ['ip-link', 'ip -j -d link show'],
    ['ip-addr', 'ip -j addr show'],
    [family === 4 ? 'ip-route-all' : 'ip-6-route-all', `ip -j -d -${family} route show table all`],
    [family === 4 ? 'ip-rule' : 'ip-6-rule', `ip -j -${family} rule show`],
    ['sysctl', `cd /proc/sys && grep -s . net/ipv${family}/conf/*/* | sed s/:/=/`],
  ] as const;
  const out = inside(
    router,
    `{ ${flush} } 2>/dev/null; ${add} ${values} ${sections.map(([, c]) => `${c}; echo; echo ----`).join(';')}`,
  ).split('----\n');
  return readNode({
    node: 'r',
    via: 'test',
    sections: sections.map(([name, command], i) => ({name, command, rc: 0, out: (out[i] ?? '').trim()})),
  });
}

function echoes(family: Family): number {
  const text = inside(target, family === 4 ? 'cat /proc/net/snmp' : 'cat /proc/net/snmp6');
  if (family === 6) return Number(/^Icmp6InEchos\s+(\d+)$/m.exec(text)?.[1]);
  const [names = '', values = ''] = text.split('\n').filter((l) => l.startsWith('Icmp: '));
  return Number(values.split(' ')[names.split(' ').indexOf('InEchos')]);
}

const destination = {4: '10.2.0.2', 6: 'fd02::2'} as const;

describe.skipIf(!asRoot)('what comes in is admitted as the kernel does', () => {
  beforeAll(() => {
    for (const ns of [sender, router, target]) spawnSync('ip', ['netns', 'add', ns]);
    inside(
      router,
      `echo 0 >/proc/sys/net/ipv6/conf/default/accept_dad
       ip link add a0 address 02:00:00:00:00:a0 type veth peer name a1 address 02:00:00:00:00:a1 netns ${sender}
       ip link add b0 address 02:00:00:00:00:b0 type veth peer name b1 address 02:00:00:00:00:b1 netns ${target}
       for d in lo a0 b0; do ip link set $d up; done
       ip addr add 10.1.0.1/24 dev a0; ip addr add fd01::1/64 dev a0 nodad
       ip addr add 10.2.0.1/24 dev b0; ip addr add fd02::1/64 dev b0 nodad
       for to in 10.2.0.2 fd02::2; do ip neigh add $to lladdr 02:00:00:00:00:b1 dev b0 nud permanent; done`,
    );
    inside(
      sender,
      `ip link set a1 up
       ip addr add 10.1.0.2/24 dev a1; ip addr add fd01::2/64 dev a1 nodad
       for own in 10.9.0.1 10.2.0.77 10.2.0.1 0.1.0.1; do ip addr add $own/32 dev a1; done
       for own in fd09::1 fd02::77 fd02::1; do ip addr add $own/128 dev a1 nodad; done
       ip route add default via 10.1.0.1; ip -6 route add default via fd01::1
       for to in 10.1.0.1 fd01::1; do ip neigh add $to lladdr 02:00:00:00:00:a0 dev a1 nud permanent; done`,
    );
    inside(target, 'ip link set b1 up; ip addr add 10.2.0.2/24 dev b1; ip addr add fd02::2/64 dev b1 nodad; sleep 0.3');
  });
  afterAll(() => {
    for (const ns of [sender, router, target]) spawnSync('ip', ['netns', 'del', ns]);
  });

  test.each([
    [4, cases4],
    [6, cases6],
  ] as const)(
    'IPv%i',
    (family, cases) => {
      const fates = new Map<string, number>();
      fc.assert(
        fc.property(cases, (c) => {
          const state = become(c);
          const dst = destination[family];
          const admitted = admit(state, {src: c.src, dst, iif: 'a0', ipproto: family === 4 ? 'icmp' : 'ipv6-icmp', tos: 0});
          const before = echoes(family);
          spawnSync('ip', ['netns', 'exec', sender, 'ping', '-c', '1', '-W', '0.05', '-I', c.src, dst]);
          const arrived = echoes(family) > before;
          const fate = admitted.ok === true ? admitted.lookup.kind : admitted.ok === false ? admitted.disposition : 'unknown';
          fates.set(fate, (fates.get(fate) ?? 0) + 1);
          expect({fate, arrived}).toEqual({fate, arrived: fate === 'route'});
        }),
        {numRuns: process.env['FLANCTL_TEST_LONG'] === undefined ? 40 : 400},
      );
      // Both ends were met: nothing was let through or stopped whatever it was.
      expect([...fates.keys()]).toEqual(
        expect.arrayContaining(family === 4 ? ['route', 'not-forwarded', 'reverse-path', 'martian'] : ['route', 'not-forwarded']),
      );
    },
    200_000,
  );
});
