import fc from 'fast-check';
import {describe, expect, test} from 'vitest';
import {parseNetConf, parseNetConfText} from '../../src/core/flannel/net-conf.js';
import {parseSubnetEnv} from '../../src/core/flannel/subnet-env.js';
import {modeOf} from '../../src/core/modes/index.js';

describe('net-conf.json', () => {
  test('keys and the backend’s name have no case, as in Go', () => {
    const read = parseNetConfText(
      '{"network": "10.244.0.0/16", "BACKEND": {"type": "VXLAN", "vni": 7, "PORT": 4789, "directrouting": true}}',
    );
    expect(read).toMatchObject({ok: true, conf: {network: '10.244.0.0/16', backendType: 'vxlan', enableIPv4: true, enableIPv6: false}});
    expect(read.ok && modeOf('vxlan')!.settings(read.conf.backend)).toMatchObject({vni: 7, port: 4789, directRouting: true});
  });
  test('without a backend it is udp, not vxlan, and that is said', () => {
    const read = parseNetConf({Network: '10.244.0.0/16'});
    expect(read).toMatchObject({ok: true, conf: {backendType: 'udp'}, warnings: [expect.stringMatching(/udp, not vxlan/)]});
  });
  test('defaults of vxlan: VNI 1, port 8472 for none and for 0, no direct routing, no learning', () => {
    const {settings} = modeOf('vxlan')!;
    expect(settings({})).toEqual({vni: 1, port: 8472, directRouting: false, learning: false, gbp: false});
    expect(settings({port: 0, vni: 0, mtu: 0}).port).toBe(8472);
  });
  test('unknown keys are named, wrong values are problems', () => {
    expect(parseNetConf({Network: '10.244.0.0/16', Netwrok: 1, Backend: {Type: 'vxlan'}})).toMatchObject({
      ok: true,
      warnings: ['unknown key "netwrok": flanneld ignores it'],
    });
    expect(parseNetConf({Network: '10.244.0.0', EnableIPv6: 'yes', Backend: {Type: 3}})).toMatchObject({
      ok: false,
      problems: expect.arrayContaining(['enableipv6 must be true or false', 'Backend.Type is not a string']),
    });
    expect(parseNetConf({Backend: {Type: 'vxlan'}})).toEqual({ok: false, problems: ['Network is missing']});
    expect(parseNetConf({EnableIPv4: false, EnableIPv6: true, IPv6Network: 'fd44::/56', Backend: {Type: 'host-gw'}})).toMatchObject({
      ok: true,
      conf: {enableIPv4: false, ipv6Network: 'fd44::/56'},
    });
    for (const value of [null, [], 'x', 1]) expect(parseNetConf(value).ok).toBe(false);
    expect(parseNetConfText('{').ok).toBe(false);
  });
  test('any JSON is read or refused, never a crash', () =>
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        expect(typeof parseNetConf(value).ok).toBe('boolean');
      }),
      {numRuns: 500},
    ));
});

describe('subnet.env', () => {
  const read = (text: string) => parseSubnetEnv(text, 'cat subnet.env');
  test('gives the prefix and the gateway of the node', () => {
    expect(read('FLANNEL_NETWORK=10.244.0.0/16\nFLANNEL_SUBNET=10.244.1.1/24\nFLANNEL_MTU=1450\nFLANNEL_IPMASQ=true\n')).toMatchObject({
      env: {networks: ['10.244.0.0/16'], ipv6Networks: [], subnet: '10.244.1.0/24', gateway: '10.244.1.1', mtu: 1450, ipmasq: true},
      problems: [],
    });
  });
  test('a list of networks, as v0.21 to v0.24 write it, and both families', () => {
    expect(
      read('FLANNEL_NETWORK=10.244.0.0/16,10.245.0.0/16\nFLANNEL_IPV6_NETWORK=fd44::/56\nFLANNEL_IPV6_SUBNET=fd44:0:0:1::1/64\n').env,
    ).toMatchObject({
      networks: ['10.244.0.0/16', '10.245.0.0/16'],
      ipv6Networks: ['fd44::/56'],
      ipv6Subnet: 'fd44:0:0:1::/64',
      ipv6Gateway: 'fd44:0:0:1::1',
    });
  });
  test('quotes, export, comments, a pasted prompt and CRLF do not matter', () => {
    expect(
      read(
        '[root@n ~]# cat /run/flannel/subnet.env\r\n# x\r\nexport FLANNEL_SUBNET="10.244.1.1/24"\r\nFLANNEL_NETWORK=\'10.244.0.0/16\'\r\n',
      ),
    ).toMatchObject({env: {subnet: '10.244.1.0/24', networks: ['10.244.0.0/16']}, problems: []});
  });
  test('what is wrong is named with its line', () => {
    expect(
      read('FLANNEL_NETWORK=10.244.0.0/16\nFLANNEL_SUBNET=10.244.1.1\nFLANNEL_MTU=big\nnonsense\n').problems.map((p) => [p.line, p.why]),
    ).toEqual(
      expect.arrayContaining([
        [2, 'not an address with a prefix length'],
        [3, 'not a number of bytes'],
        [4, 'not KEY=value'],
      ]),
    );
  });
});
