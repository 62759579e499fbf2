import {describe, expect, test} from 'vitest';
import {faults} from '../../src/edge/lab/faults/index.js';
import {matrix} from './matrix.js';
import {dualStack, ipv4Only, share, withoutIpv6} from './matrix-labs.js';

test('every fault is tried in some lab', () => {
  const tried = [...Object.values(dualStack).map(share), ...ipv4Only.map(withoutIpv6)];
  expect(faults.filter((fault) => !tried.some((by) => by(fault))).map((fault) => fault.id)).toEqual([]);
});

describe.each(ipv4Only.map((spec) => [spec.name, spec] as const))('faults that only a cluster without IPv6 has: %s', (_, spec) =>
  matrix(spec, withoutIpv6(spec)),
);
