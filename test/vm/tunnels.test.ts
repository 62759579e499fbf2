import {afterAll, beforeAll, describe, expect, test} from 'vitest';
import {root} from './root.js';
import {makeIpip, makeWireguard, policiesOf, statesOf} from './tunnel-rows.js';
import {TwoNodes} from './two-nodes.js';

/** Devices as flannel makes them, between two namespaces, on whatever kernel this is: what later tests stand on. */
describe.skipIf(!root)('packets go through', () => {
  const pair = (name: string): TwoNodes => {
    const nodes = new TwoNodes(name);
    beforeAll(() => nodes.up());
    afterAll(() => nodes.down());
    return nodes;
  };

  describe('WireGuard', () => {
    const nodes = pair('wireguard');
    test('in both families, with nothing in clear on the wire', async () => {
      await makeWireguard(nodes);
      const four = await nodes.ping(4);
      expect(four.answered).toBe(true);
      expect(four.wire).toMatch(/192\.168\.77\.11\.51820 > 192\.168\.77\.12\.51820: UDP/);
      expect(four.wire).not.toMatch(/10\.244\.|ICMP/);
      const six = await nodes.ping(6);
      expect(six.answered).toBe(true);
      expect(six.wire).toMatch(/fd77::11\.51821 > fd77::12\.51821: .*UDP/);
      expect(six.wire).not.toMatch(/fd44|ICMP6, echo/);
      await nodes.recordTables();
    });
  });

  describe('IPIP', () => {
    const nodes = pair('ipip');
    test('as protocol 4, with the outer destination from the route', async () => {
      await makeIpip(nodes);
      const {answered, wire} = await nodes.ping(4);
      expect(answered).toBe(true);
      expect(wire).toMatch(
        /proto IPIP \(4\).*\n +192\.168\.77\.11 > 192\.168\.77\.12: .*\n?.*10\.244\.1\.2 > 10\.244\.2\.2: ICMP echo request/,
      );
      await nodes.recordTables();
    });
  });

  describe('IPsec', () => {
    const nodes = pair('ipsec');
    test('nothing at all with policies and no associations, as after flanneld was killed', async () => {
      await nodes.both(policiesOf);
      const {answered, wire} = await nodes.ping(4, '-black-hole');
      expect({answered, wire}).toEqual({answered: false, wire: ''});
    });

    test('as ESP with both', async () => {
      await nodes.both(statesOf);
      const {answered, wire, own} = await nodes.ping(4);
      expect(answered).toBe(true);
      expect(own, 'what has been decrypted comes by again').toMatch(/10\.244\.2\.2 > 10\.244\.1\.2: ICMP echo reply/);
      expect(wire).toMatch(/192\.168\.77\.11 > 192\.168\.77\.12: ESP\(spi=0xc0000001,seq=0x1\)/);
      expect(wire).not.toMatch(/10\.244\./);
      await nodes.recordTables();
    });
  });
});
