import {describe, expect, test} from 'vitest';
import type {Fault} from '../../src/edge/lab/faults/fault.js';
import {faults} from '../../src/edge/lab/faults/index.js';
import {clouds} from './clouds.js';
import {matrix} from './matrix.js';
import {dualStack, extensions, ipv4Only, share, udp, withoutIpv6} from './matrix-labs.js';
import {own} from './own-faults.js';
import {fits} from './shares.js';

/** Devices that not every kernel has: what only their labs can have is for test/vm. */
const others = ['ipip', 'wireguard', 'ipsec'] as const;

test('every fault is tried in some lab', () => {
  const tried = [...Object.values(dualStack).map(share), ...ipv4Only.map(withoutIpv6), own(udp)];
  // Some of them every day, all in the long run.
  const beyond = [...clouds, ...extensions].map(
    ([spec]) =>
      (fault: Fault) =>
        fits(fault, spec),
  );
  const left = faults.filter((fault) => ![...tried, ...beyond].some((by) => by(fault)));
  expect(left.filter((fault) => !others.some((backend) => own({backend})(fault))).map((fault) => fault.id)).toEqual([]);
});

describe.each(ipv4Only.map((spec) => [spec.name, spec] as const))('faults that only a cluster without IPv6 has: %s', (_, spec) =>
  matrix(spec, withoutIpv6(spec)),
);
