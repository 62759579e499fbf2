import {createHmac} from 'node:crypto';
import fc from 'fast-check';
import {describe, expect, test} from 'vitest';
import {addressOf, familyOf, numberOf, tryIp} from '../../src/core/net/address.js';
import {contains, hostOf, tryPrefix} from '../../src/core/net/prefix.js';
import {Redactor} from '../../src/core/redact/redactor.js';

const redactor = (seed: string): Redactor => new Redactor((text) => createHmac('sha256', seed).update(text).digest());
const v4 = fc.bigInt({min: 0n, max: (1n << 32n) - 1n}).map((n) => addressOf(n, 4));
const v6 = fc.bigInt({min: 0n, max: (1n << 128n) - 1n}).map((n) => addressOf(n, 6));
const address = fc.oneof(v4, v6);

describe('addresses', () => {
  test('as many leading bits are shared afterwards as before, families stay, and nothing meets', () => {
    const common = (a: string, b: string): number => {
      const width = familyOf(a) === 4 ? 32 : 128;
      const differ = numberOf(a) ^ numberOf(b);
      return differ === 0n ? width : width - differ.toString(2).length;
    };
    const pair = fc.oneof(fc.tuple(v4, v4), fc.tuple(v6, v6));
    fc.assert(
      fc.property(fc.string(), pair, (seed, [a, b]) => {
        const map = redactor(seed);
        const [x, y] = [map.numbers(a), map.numbers(b)];
        expect(familyOf(x)).toBe(familyOf(a));
        // What the kernel makes of a hardware address follows that one.
        if (!contains('fe80::/10', a) && !contains('ff02::1:ff00:0/104', a)) expect(common(x, y)).toBe(common(a, b));
        expect(map.numbers(a)).toBe(x);
      }),
    );
  });

  test('the first, second and last address of a prefix in use stay that, and so do the prefixes in it', () => {
    fc.assert(
      fc.property(fc.string(), address, fc.nat(128), fc.nat(64), (seed, base, length, deeper) => {
        const width = familyOf(base) === 4 ? 32 : 128;
        const outer = tryPrefix(`${base}/${Math.min(length, width - 8)}`)!;
        const inner = tryPrefix(`${base}/${Math.min(length + deeper, width - 4)}`)!;
        const map = redactor(seed);
        map.known.learn(`${outer} dev cni0\n${inner}`);
        const [o, i] = [map.numbers(outer), map.numbers(inner)];
        expect([tryPrefix(o), tryPrefix(i)]).toEqual([o, i]);
        expect(contains(o, i)).toBe(true);
        for (const n of [0, 1])
          if (!contains('fe80::/10', i) && !contains('ff00::/8', i)) expect(map.numbers(hostOf(inner, n))).toBe(hostOf(i, n));
      }),
    );
  });

  test.each([
    '0.0.0.0/0',
    '::/0',
    '0.0.0.0',
    '127.0.0.1',
    '::1',
    '169.254.1.1',
    '224.0.0.1',
    '255.255.255.0',
    '255.255.255.255',
    'fe80::1',
    'ff02::1',
    'default',
    '[8:672] -A FORWARD',
    '# Completed on Sat Nov 21 00:33:26 2026',
    '0x4000/0x4000',
    'flannel.1',
    '*:8472',
    'v1.31.2+k3s1',
    ':::8472',
    'ee:ee:ee:ee:ee:ee',
    '33:33:00:00:00:01',
    '01:00:5e:00:00:01',
  ])('%s stays', (text) => {
    expect(redactor('x').listing(text)).toBe(text);
  });

  test('a private address stays private, another never becomes one', () => {
    const isPrivate = (a: string): boolean =>
      ['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', '100.64.0.0/10', '169.254.0.0/16'].some((p) => contains(p, a));
    const near = fc.oneof(
      v4,
      fc.constantFrom('10.1.2.3', '11.0.0.1', '172.31.255.1', '172.32.0.1', '192.168.3.4', '192.169.0.1', '100.127.0.1'),
    );
    fc.assert(fc.property(fc.string(), near, (seed, a) => isPrivate(redactor(seed).numbers(a)) === isPrivate(a)));
  });

  test('a link-local address made of a hardware address follows it, as does its group', () => {
    const map = redactor('x');
    const mac = map.numbers('1e:12:9d:7d:cd:ef');
    expect(mac).not.toBe('1e:12:9d:7d:cd:ef');
    const [a, b, c, d, e, f] = mac.split(':');
    const made = tryIp(`fe80::${(Number.parseInt(a!, 16) ^ 2).toString(16)}${b}:${c}ff:fe${d}:${e}${f}`);
    expect(map.numbers('fe80::1c12:9dff:fe7d:cdef')).toBe(made);
    const group = map.numbers('33:33:ff:7d:cd:ef').slice(9).replaceAll(':', '');
    expect(numberOf(map.numbers('ff02::1:ff7d:cdef')).toString(16).slice(-6)).toBe(group);
  });

  test('all the forms in which a tool prints them', () => {
    const map = redactor('x');
    map.known.learn('10.244.0.0/16');
    const subnet = map.numbers('10.244.1.0');
    expect(map.numbers('10.244/16')).toBe(map.numbers('10.244.0.0/16'));
    expect(map.numbers('/coreos.com/network/subnets/10.244.1.0-24')).toBe(`/coreos.com/network/subnets/${subnet}-24`);
    expect(map.numbers('"10.244.1.0"')).toBe(`"${subnet}"`);
    expect(map.numbers('--to-destination 10.244.1.0:80')).toBe(`--to-destination ${subnet}:80`);
    expect(map.numbers('::ffff:10.244.1.0')).toBe(map.numbers(`::ffff:af4:100`));
    expect(map.numbers('[fd77::11]:8472')).toBe(`[${map.numbers('fd77::11')}]:8472`);
  });

  test('a range that is no prefix keeps its order', () => {
    const map = redactor('x');
    map.known.learn('-m iprange --src-range 10.9.1.3-10.9.1.77');
    expect(map.numbers('10.9.1.5').slice(-2)).toBe('.5');
    expect(map.numbers('10.9.1.3').split('.').slice(0, 3)).toEqual(map.numbers('10.9.1.77').split('.').slice(0, 3));
  });
});

describe('keys and secrets', () => {
  const key = 'mJm8YUvJ4ZtS0yYz8b2sT5l5Zk1Qm0sWkKQd9yXjP1g=';
  test('a key is a key afterwards, the same everywhere, and another one', () => {
    const map = redactor('x');
    const replaced = map.numbers(key);
    expect(replaced).toMatch(/^[A-Za-z0-9+/]{43}=$/);
    expect(replaced).not.toBe(key);
    expect(map.numbers(`{"PublicKey":"${key}","Port":51820}`)).toBe(`{"PublicKey":"${replaced}","Port":51820}`);
  });
  test.each([
    ['{"Backend":{"Type":"ipsec","PSK":"0123456789abcdef"}}', '0123456789abcdef'],
    ['"k8s_auth_token": "eyJhbGciOi"', 'eyJhbGciOi'],
    ['--etcd-password=hunter22', 'hunter22'],
    ['enc cbc(aes) 0x00112233445566778899aabbccddeeff', '00112233445566778899aabbccddeeff'],
  ])('%s', (text, secret) => {
    const replaced = redactor('x').numbers(text);
    expect(replaced).not.toContain(secret);
    expect(replaced).toHaveLength(text.length);
  });
});

describe('names', () => {
  test('are numbered as they are sorted, and stand for themselves as whole words only', () => {
    const map = redactor('x');
    for (const name of ['web-7', 'n1', 'n10', 'web.acme.example']) map.names.learn(name.startsWith('n') ? 'node' : 'pod', name);
    expect([map.names.of('node', 'n1'), map.names.of('node', 'n10'), map.names.of('pod', 'web-7')]).toEqual(['node-1', 'node-2', 'pod-1']);
    expect(map.prose('n1: web-7 on n10, n1-eth0, ssh root@web.acme.example:22')).toBe(
      'node-1: pod-1 on node-2, n1-eth0, ssh root@pod-2:22',
    );
    expect(map.prose('ssh alice@n1:22')).toBe('ssh user@node-1:22');
  });

  test("comments: flannel's own stay, names of services are names, the rest is somebody's", () => {
    const map = redactor('x');
    expect(map.listing('-A X -m comment --comment "flanneld masq" -j Y')).toBe('-A X -m comment --comment "flanneld masq" -j Y');
    expect(map.listing('-m comment --comment "shop/cart:http cluster IP"')).toBe(
      '-m comment --comment "namespace-1/service-1:http cluster IP"',
    );
    expect(map.listing('-m comment --comment "VPN of Acme Ltd"')).toBe('-m comment --comment "comment-1"');
    expect(map.listing('-m comment --comment acme -j DROP')).toBe('-m comment --comment comment-2 -j DROP');
    expect(map.listing('{"comment": "for Acme"}')).toBe('{"comment": "comment-3"}');
  });
});
