import {describe, expect, test} from 'vitest';
import type {NodeDump} from '../../src/core/node/dump.js';
import {openTrace} from '../../src/edge/trace.js';
import {bases, loadBase} from '../bases/bases.js';

const over = (dumps: readonly NodeDump[]) =>
  openTrace(
    {
      async *nodes() {
        yield* dumps;
      },
    },
    {},
  );

/** What was not gathered is unknown: it never breaks a way that is whole, and what decides is never taken for granted. */
describe.each(bases)('%s without one section', (base) => {
  const decisive = /^(ip-link|ip-addr|ip-route-all|bridge-fdb|sysctl|iptables-save|nft|ip-neigh)$/;

  test.each(['n1', 'n2'])('of %s the way is not called broken', async (node) => {
    const dumps = await loadBase(base);
    const names = dumps.find((d) => d.node === node)!.sections.map((s) => s.name);
    const broken: string[] = [];
    for (const name of names) {
      const less = dumps.map((d) => (d.node === node ? {...d, sections: d.sections.filter((s) => s.name !== name)} : d));
      const tracer = await over(less);
      const {there, back} = await tracer.trace(tracer.endpoint('10.244.1.2'), tracer.endpoint('10.244.2.2'), {proto: 'icmp'});
      for (const [way, walk] of Object.entries({there, back})) {
        if (walk?.verdict.kind === 'broken') broken.push(`${name}, ${way}: ${walk.verdict.because}`);
        const died = walk?.hops.flatMap((h) => h.steps).filter((s) => s.end !== undefined && s.end !== 'unknown') ?? [];
        broken.push(...died.map((s) => `${name}, ${way}, a step that says ${s.end}: ${s.text}`));
      }
    }
    expect(broken).toEqual([]);
  });

  test('of the node that forwards first, what decides there makes it uncertain', async () => {
    const dumps = await loadBase(base);
    const certain: string[] = [];
    for (const name of ['ip-route-all', 'sysctl', 'iptables-save', 'ip-link']) {
      const less = dumps.map((d) =>
        d.node === 'n1' ? {...d, sections: d.sections.filter((s) => s.name !== name && decisive.test(name))} : d,
      );
      const tracer = await over(less);
      const {there} = await tracer.trace(tracer.endpoint('10.244.1.2'), tracer.endpoint('10.244.2.2'), {proto: 'icmp'});
      if (there.verdict.kind === 'reachable' && there.verdict.certainty === 'observed') certain.push(name);
    }
    expect(certain).toEqual([]);
  });
});
