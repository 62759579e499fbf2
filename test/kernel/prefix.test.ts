import fc from 'fast-check';
import {expect, test} from 'vitest';
import {network, tryPrefix} from '../../src/core/net/prefix.js';

test('the short way for IPv4 gives what big integers give', () => {
  fc.assert(
    fc.property(fc.ipV4(), fc.integer({min: 0, max: 32}), (address, bits) => {
      expect(tryPrefix(`${address}/${bits}`)).toBe(`${network(address, bits)}/${bits}`);
    }),
  );
});
