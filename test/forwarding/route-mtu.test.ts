import {spawnSync} from 'node:child_process';
import {afterAll, beforeAll, describe, expect, test} from 'vitest';
import {lookup} from '../../src/core/forwarding/lookup.js';
import {routeMtu} from '../../src/core/forwarding/route-mtu.js';
import {readNode} from '../../src/core/model/read-node.js';
import type {NodeState} from '../../src/core/node/state.js';

const asRoot = process.getuid?.() === 0;
const ns = `flanctl-mtu-${process.pid}`;
const inside = (script: string) => spawnSync('ip', ['netns', 'exec', ns, 'sh', '-c', script], {encoding: 'utf8'});

/** What the kernel says to a sender whose packet is too large for the route. */
const refused = (dst: string): number => Number(/mtu[=:]\s*(\d+)/.exec(inside(`ping -c 1 -W 0.2 -M do -s 20000 ${dst} 2>&1`).stdout)?.[1]);

function read(json: string): NodeState {
  const sections = [
    ['ip-link', 'ip -j -d link show'],
    ['ip-route-all', `ip ${json} -d -4 route show table all`],
    ['ip-6-route-all', `ip ${json} -d -6 route show table all`],
    ['sysctl', 'cd /proc/sys && grep -s . net/ipv6/conf/*/mtu | sed s/:/=/'],
  ] as const;
  return readNode({
    node: 'n',
    via: 'test',
    sections: sections.map(([name, command]) => ({name, command, rc: 0, out: inside(command).stdout.trim()})),
  });
}

describe.skipIf(!asRoot)('the MTU of a route', () => {
  beforeAll(() => {
    spawnSync('ip', ['netns', 'add', ns]);
    const {status, stderr} = inside(`
      set -e
      ip link set lo up
      ip link add d0 mtu 1400 type veth peer name d1
      ip link set d0 up; ip link set d1 up
      ip addr add 192.168.1.1/24 dev d0; ip addr add fd10::1/64 dev d0 nodad
      ip route add 10.1.0.0/16 via 192.168.1.2
      ip route add 10.2.0.0/16 via 192.168.1.2 mtu 1300
      ip route add 10.3.0.0/16 via 192.168.1.2 mtu lock 1350
      ip route add 10.4.0.0/16 via 192.168.1.2 mtu 1500
      ip -6 route add fd01::/64 via fd10::2
      ip -6 route add fd02::/64 via fd10::2 mtu 1300`);
    if (status !== 0) throw new Error(stderr);
  });
  afterAll(() => {
    spawnSync('ip', ['netns', 'del', ns]);
  });

  test.each([
    ['10.1.0.1', 1400, false],
    ['10.2.0.1', 1300, false],
    ['10.3.0.1', 1350, true],
    // More than the device takes: the kernel would send it, and the device drops it.
    ['10.4.0.1', 1400, false],
    ['fd01::1', 1400, false],
    ['fd02::1', 1300, false],
  ])('to %s is %i', (dst, mtu, locked) => {
    for (const json of ['-j', '']) {
      const state = read(json);
      const found = lookup(state, {dst});
      if (found.kind !== 'route') throw new Error(found.kind);
      const answer = routeMtu(state, found.route);
      if (answer === 'unknown') throw new Error(answer);
      // JSON drops the word `lock`.
      expect(answer).toMatchObject({mtu, locked: json === '' || answer.metric === undefined ? locked : undefined});
      expect(answer.metric ?? answer.device).toBe(refused(dst));
    }
  });
});
