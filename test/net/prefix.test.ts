import {BlockList, isIP} from 'node:net';
import {containsCidr, overlapCidr} from 'cidr-tools';
import fc from 'fast-check';
import {describe, expect, test} from 'vitest';
import {addressOf, type Family, familyOf, ip, numberOf, tryIp, tryMac, widthOf} from '../../src/core/net/address.js';
import {PrefixIndex} from '../../src/core/net/lpm.js';
import {baseOf, contains, hostOf, lengthOf, network, overlaps, prefix, tryPrefix} from '../../src/core/net/prefix.js';

/** Addresses close to each other, so that prefixes do hold them. */
const addressIn = (family: Family) =>
  fc
    .tuple(fc.constantFrom(0n, 1n), fc.bigInt({min: 0n, max: 0xffffn}))
    .map(([high, low]) =>
      addressOf(family === 4 ? 0x0af40000n + (high << 20n) + low : (0xfd44n << 112n) + (high << 80n) + (low << 56n) + low, family),
    );
const anyAddress = (family: Family) => fc.bigInt({min: 0n, max: (1n << BigInt(widthOf(family))) - 1n}).map((n) => addressOf(n, family));
const family = fc.constantFrom<Family>(4, 6);
const address = family.chain((f) => fc.oneof(addressIn(f), anyAddress(f)));
const someOf = (f: Family) =>
  fc.tuple(fc.oneof(addressIn(f), anyAddress(f)), fc.integer({min: 0, max: widthOf(f)})).map(([a, bits]) => prefix(`${a}/${bits}`));
const both = family.chain((f) => fc.tuple(someOf(f), someOf(f), fc.oneof(addressIn(f), anyAddress(f))));

describe('addresses', () => {
  test('are numbers and back', () =>
    fc.assert(
      fc.property(address, (a) => {
        expect(addressOf(numberOf(a), familyOf(a))).toBe(a);
      }),
    ));
  test('what Node takes for an address is one, and nothing else; its canonical form is one too', () => {
    const digits = fc.string({unit: fc.constantFrom('0', '1', '9', '255', 'f', '.', ':', '::', '/', '%', ' '), maxLength: 12});
    fc.assert(
      fc.property(fc.oneof(digits, fc.ipV4(), fc.ipV6()), (text) => {
        const canonical = tryIp(text);
        expect(canonical !== undefined).toBe(isIP(text) !== 0 && !text.includes('%'));
        if (canonical !== undefined)
          expect({again: tryIp(canonical), family: isIP(canonical)}).toEqual({again: canonical, family: isIP(text)});
      }),
      {numRuns: 1000},
    );
  });
  test('one address has one text', () => {
    for (const text of ['FD44:0:0:1::', 'fd44:0000:0000:0001:0000:0000:0000:0000', 'fd44:0:0:1:0:0:0:0', 'fd44::1:0:0:0:0'])
      expect(ip(text)).toBe('fd44:0:0:1::');
    expect(tryIp('010.1.1.1')).toBeUndefined();
    expect(tryIp('10.1.1')).toBeUndefined();
    expect(() => ip('x')).toThrow(RangeError);
    expect(tryMac('AA:bb:0C:00:00:01')).toBe('aa:bb:0c:00:00:01');
    expect(tryMac('aa:bb:0c:00:00')).toBeUndefined();
  });
});

describe('prefixes', () => {
  test('hold what Node’s BlockList says they hold', () =>
    fc.assert(
      fc.property(both, ([p, , a]) => {
        const list = new BlockList();
        list.addSubnet(baseOf(p), lengthOf(p), familyOf(p) === 4 ? 'ipv4' : 'ipv6');
        expect(contains(p, a)).toBe(list.check(a, familyOf(a) === 4 ? 'ipv4' : 'ipv6'));
      }),
      {numRuns: 1000},
    ));
  test('hold and overlap each other as cidr-tools says', () =>
    fc.assert(
      fc.property(both, ([p, q]) => {
        expect(contains(p, q)).toBe(containsCidr(p, q));
        expect(overlaps(p, q)).toBe(overlapCidr(p, q));
      }),
      {numRuns: 1000},
    ));
  test('of two families never meet', () => {
    expect(contains('0.0.0.0/0', 'fd00::1')).toBe(false);
    expect(overlaps('::/0', '10.0.0.0/8')).toBe(false);
  });
  test('have no host bits, and are their own canonical form', () =>
    fc.assert(
      fc.property(
        family.chain((f) => fc.tuple(anyAddress(f), fc.integer({min: 0, max: widthOf(f)}))),
        ([a, bits]) => {
          const p = prefix(`${a}/${bits}`);
          expect(prefix(p)).toBe(p);
          expect(lengthOf(p)).toBe(bits);
          expect(network(a, bits)).toBe(baseOf(p));
          expect(contains(p, a)).toBe(true);
          expect(hostOf(p, 0)).toBe(baseOf(p));
          const rest = BigInt(widthOf(familyOf(a)) - bits);
          expect(numberOf(baseOf(p)) & ((1n << rest) - 1n)).toBe(0n);
        },
      ),
      {numRuns: 1000},
    ));
  test('are read as they are written, and nothing else is one', () => {
    expect(['10.244.1.7/24', '10.1/16', '10/8', '10.0.0.1', 'fd44::1/64', 'FD44::1', '0.0.0.0/0'].map(tryPrefix)).toEqual([
      '10.244.1.0/24',
      '10.1.0.0/16',
      '10.0.0.0/8',
      '10.0.0.1/32',
      'fd44::/64',
      'fd44::1/128',
      '0.0.0.0/0',
    ]);
    for (const text of [
      '',
      '/',
      '10.0.0.0/33',
      'fd00::/129',
      '10.0.0.0/-1',
      '10.0.0.0/',
      '10.0.0/24/8',
      '10.0.0.0/a',
      '256.0.0.0/8',
      'default',
      '10',
    ])
      expect({text, read: tryPrefix(text)}).toEqual({text, read: undefined});
    expect(() => prefix('x/8')).toThrow(RangeError);
  });
});

describe('the longest-prefix index', () => {
  test('gives what a walk over all prefixes gives, longest first', () =>
    fc.assert(
      fc.property(
        family.chain((f) =>
          fc.tuple(fc.array(someOf(f), {maxLength: 40}), fc.array(fc.oneof(addressIn(f), anyAddress(f)), {minLength: 1, maxLength: 10})),
        ),
        ([prefixes, addresses]) => {
          const index = new PrefixIndex<number>();
          for (const [i, p] of prefixes.entries()) index.add(p, i);
          for (const a of addresses) {
            const walked = prefixes
              .map((p, i) => ({p, i}))
              .filter(({p}) => contains(p, a))
              .toSorted((x, y) => lengthOf(y.p) - lengthOf(x.p) || x.i - y.i);
            expect([...index.covering(a)].flat()).toEqual(walked.map(({i}) => i));
          }
        },
      ),
      {numRuns: 500},
    ));
  test('can be added to after it was asked', () => {
    const index = new PrefixIndex<string>();
    index.add('10.0.0.0/8', 'a');
    expect([...index.covering('10.1.1.1')]).toEqual([['a']]);
    index.add('10.1.0.0/16', 'b');
    index.add('10.1.0.0/16', 'c');
    expect([...index.covering('10.1.1.1')]).toEqual([['b', 'c'], ['a']]);
    expect([...index.covering('fd00::1')]).toEqual([]);
  });
});
