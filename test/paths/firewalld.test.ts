import {readFileSync} from 'node:fs';
import {join} from 'node:path';
import {expect, test} from 'vitest';
import type {NodeDump} from '../../src/core/node/dump.js';
import {openTrace, type Traced} from '../../src/edge/trace.js';
import {loadBase} from '../bases/bases.js';

const recorded = (...path: readonly string[]) => readFileSync(join(import.meta.dirname, '../outputs/netfilter', ...path), 'utf8');

/** firewalld's own table beside the node's iptables rules. Its IPv6 rpfilter asks `fib saddr . mark . iif oif missing` of all that comes in. */
function withFirewalld(dump: NodeDump, name: string): NodeDump {
  const all = JSON.parse(recorded(name, 'nft.json')).nftables as readonly {
    readonly [kind: string]: {family?: string; table?: string; name?: string};
  }[];
  const own = all.filter((item) => Object.values(item).some((it) => (it.table ?? it.name) === 'firewalld' && it.family === 'inet'));
  const here = dump.sections.find((s) => s.name === 'nft');
  const before = (here ? JSON.parse(here.out).nftables : []) as readonly unknown[];
  const nft = {name: 'nft', command: 'nft -j list ruleset', rc: 0, out: JSON.stringify({nftables: [...before, ...own]})};
  expect(nft.out).toContain('"fib"');
  return {...dump, sections: [...dump.sections.filter((s) => s.name !== 'nft'), nft]};
}

const said = ({there, back}: Pick<Traced, 'there' | 'back'>) =>
  [there, back].map((walk) => (walk && walk.verdict.kind !== 'reachable' ? walk.verdict.because : walk?.verdict.kind));

async function trace(name: string, family: 4 | 6, edit: (dump: NodeDump) => NodeDump = (d) => d): Promise<Traced> {
  const dumps = (await loadBase('host-gw-dual')).map((d) => edit(withFirewalld(d, name)));
  const tracer = await openTrace(
    {
      async *nodes() {
        yield* dumps;
      },
    },
    {},
  );
  return tracer.trace(tracer.endpoint('n1-p1'), tracer.endpoint('n2-p1'), {proto: 'tcp', family});
}

test.each([4, 6] as const)(
  'firewalld with the pod devices in a trusted zone lets IPv%i through, and all of it is judged',
  async (family) => {
    expect(said(await trace('firewalld-nft-trusted', family))).toEqual(['reachable', 'reachable']);
  },
);

test.each([4, 6] as const)('a stock firewalld: what it does to IPv%i is known', async (family) => {
  const {there} = await trace('firewalld-nft', family);
  expect(there.verdict).toMatchObject({kind: 'broken', disposition: 'filtered'});
  expect(said({there, back: undefined})[0]).toContain('n2 rejects it in FORWARD: reject with icmpx admin-prohibited');
});

test('its rpfilter drops what comes in by a device that does not lead back', async () => {
  const elsewhere = (dump: NodeDump): NodeDump => ({
    ...dump,
    sections: dump.sections.map((s) =>
      dump.node === 'n1' && s.name === 'ip-6-route-all' ? {...s, out: s.out.replaceAll(/^unicast fd44\S+ dev cni0 .*\n/gm, '')} : s,
    ),
  });
  const {there} = await trace('firewalld-nft-trusted', 6, elsewhere);
  expect(there.verdict).toMatchObject({kind: 'broken', disposition: 'filtered'});
});
