import {describe, expect, test} from 'vitest';
import type {NodeDump} from '../../src/core/node/dump.js';
import {rules} from '../../src/core/rules/index.js';
import {diagnose} from '../../src/edge/diagnose.js';
import {loadBase} from '../bases/bases.js';

/** The base with one section of one node taken away or changed. */
async function judged(base: string, node: string, change: (name: string, out: string) => string | undefined) {
  const dumps: NodeDump[] = (await loadBase(base)).map((dump) =>
    dump.node !== node
      ? dump
      : {
          ...dump,
          sections: dump.sections.flatMap((s) => (change(s.name, s.out) === undefined ? [] : [{...s, out: change(s.name, s.out)!}])),
        },
  );
  const {findings, notEvaluated} = await diagnose(
    {
      async *nodes() {
        yield* dumps;
      },
    },
    {},
    rules,
  );
  return {
    found: findings.map((f) => `${f.severity} ${f.id}`),
    unsure: notEvaluated.filter((n) => n.node === node).map((n) => n.rule),
    why: [...new Set(notEvaluated.flatMap((n) => n.missing))],
  };
}

const drop = (out: string) => out.replace(':FORWARD ACCEPT', ':FORWARD DROP').replace(/^.*-j FLANNEL-FWD\n/m, '');

describe('a node without the nft tool', () => {
  test('is told what its iptables drop: nft could not let it through', async () => {
    const {found, unsure} = await judged('vxlan', 'n1', (name, out) =>
      name === 'nft' ? undefined : name === 'iptables-save' ? drop(out) : out,
    );
    expect(found).toEqual(['error fw-forward-drop@n1']);
    expect(unsure).toContain('fw-foreign-nft-reject');
  });
  test('is not called healthy: a table of nft may drop what iptables accepts', async () => {
    const {found, unsure, why} = await judged('vxlan', 'n1', (name, out) => (name === 'nft' ? undefined : out));
    expect(found).toEqual([]);
    expect(unsure).toEqual(expect.arrayContaining(['fw-forward-drop', 'fw-encap-port-blocked']));
    expect(why).toEqual(expect.arrayContaining(['nft']));
    expect(unsure).not.toContain('fw-iptables-variant-mixed');
  });
});

test('a firewall read in one family only is not judged in the other', async () => {
  const {found, why} = await judged('vxlan-dual', 'n1', (name, out) => (name === 'ip6tables-save' ? undefined : out));
  expect(found).toEqual([]);
  expect(why).toEqual(expect.arrayContaining(['iptables of IPv6']));
});
