import {readdirSync} from 'node:fs';
import {describe, expect, test} from 'vitest';
import {modes} from '../../src/core/modes/index.js';
import {backends} from '../../src/edge/lab/backends/index.js';
import {runIn} from '../../src/edge/lab/exec.js';
import {publicKeyOf} from '../../src/edge/lab/identity.js';
import {labPing} from '../../src/edge/lab/ping.js';
import {defaultSpec, layOut} from '../../src/edge/lab/topology.js';
import {doctor} from './flanctl.js';
import {labsWork, testLabs} from './in-lab.js';

describe('backends', () => {
  test('each is one file, and a mode', () => {
    const files = readdirSync(new URL('../../src/edge/lab/backends', import.meta.url)).map((f) => f.replace('.ts', ''));
    expect(backends.map((b) => b.type).sort()).toEqual(files.filter((f) => !['backend', 'index', 'udp-relay'].includes(f)).sort());
    // What a cloud carries is on the nodes as one of its backends makes it, whoever's cloud it is.
    const carried = modes.filter((m) => m.fabric !== undefined).map((m) => m.type);
    expect(backends.map((b) => b.type)).toEqual(expect.arrayContaining(modes.map((m) => m.type).filter((type) => !carried.includes(type))));
  });

  test('a public key is that of its private key (RFC 7748, 6.1)', () => {
    expect(publicKeyOf('dwdtCnMYpX08FsFyUbJmRd9ML4frwJkqsXf7pR25LCo=')).toBe('hSDwCYkwp1R0i33ctD73Wg2/Og0mOBr066SpjqqbTmo=');
  });

  test.each(['ipip', 'udp', 'ipsec'])('%s has no IPv6, and says so', (backend) => {
    expect(() => layOut({...defaultSpec, backend, dualStack: true}, '/nowhere')).toThrow(`flannel's ${backend} has no IPv6`);
  });
});

describe.skipIf(!labsWork)('a lab of udp', () => {
  const labs = testLabs();

  test('is healthy; its packets age as in flannel, and nobody answers for them on the way', async () => {
    const lab = await labs.up({name: 'test-udp', backend: 'udp', nodes: 2, pods: 1});
    expect((await labPing(lab)).pairs.filter((p) => !p.small || !p.large)).toEqual([]);
    const {findings, notEvaluated, code} = await doctor(['--lab', 'test-udp']);
    expect({findings, notEvaluated, code}).toEqual({findings: [], notEvaluated: [], code: 0});
    const ping = async (words: string) => (await runIn(lab, 'n1-p1', `ping -n -c 1 -W 1 ${words}`)).stdout;
    expect(await ping('10.244.2.2')).toContain('ttl=60');
    expect(await ping('-t 1 10.244.2.2')).toContain('From 10.244.1.1 icmp_seq=1 Time to live exceeded');
    // Both relays take one, and say nothing where it was the last.
    for (const ttl of [2, 3]) expect(await ping(`-t ${ttl} 10.244.2.2`)).not.toContain('exceeded');
    expect(await ping('-t 4 10.244.2.2')).toContain('From 10.244.2.0 icmp_seq=1 Time to live exceeded');
    // Nobody has this subnet: ICMP is dropped; others would be told, if the kernel let in what comes with the node's own address.
    expect(await ping('10.244.77.7')).toContain('100% packet loss');
    await runIn(lab, 'n1', 'echo 1 > /proc/sys/net/ipv4/conf/flannel0/accept_local');
    const told = await runIn(lab, 'n1-p1', [
      'python3',
      '-c',
      `import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.settimeout(10)
# IP_RECVERR: passing trouble too.
s.setsockopt(0, 11, 1)
s.connect(('10.244.77.7', 9))
s.send(b'x')
try: s.recv(1)
except OSError as e: print(e.strerror)`,
    ]);
    expect(told.stdout).toBe('Network is unreachable\n');
  });
});
