import {expect, test} from 'vitest';
import {rules} from '../../src/core/rules/index.js';
import {diagnose} from '../../src/edge/diagnose.js';
import {loadBase} from '../bases/bases.js';

/** Two nodes of one link, with DirectRouting: nothing goes through their tunnels. What `change` makes of n2's listings is what doctor sees. */
async function pairOnOneLink(change: (section: string, out: string) => string): Promise<readonly string[]> {
  const beyond = /10\.244\.[34]\.|192\.168\.78\./;
  const dumps = (await loadBase('vxlan-direct'))
    .filter((dump) => ['n1', 'n2'].includes(dump.node))
    .map((dump) => ({
      ...dump,
      sections: dump.sections.map((s) => {
        const out = /^(ip-|bridge-)/.test(s.name) ? s.out.replace(new RegExp(`^.*(${beyond.source}).*\n`, 'gm'), '') : s.out;
        return {...s, out: dump.node === 'n2' ? change(s.name, out) : out};
      }),
    }));
  async function* nodes() {
    yield* dumps;
  }
  const {findings} = await diagnose({nodes}, {}, rules);
  return findings.map((f) => `${f.severity} ${f.id}: ${f.effect}`);
}

const none = 'none now: no peer is reached through the tunnel (DirectRouting); the next one may be';

test('two nodes on one link are healthy', async () => expect(await pairOnOneLink((_, out) => out)).toEqual([]));

test('a tunnel that nothing goes through is a warning when it is down', async () => {
  const found = await pairOnOneLink((section, out) =>
    section === 'ip-link' ? out.replace(/(flannel\.1: <BROADCAST,MULTICAST),UP,LOWER_UP/, '$1') : out,
  );
  expect(found).toEqual([`warning vxlan-dev-down@n2: ${none}`]);
});

test('and an error as soon as one route leads through it', async () => {
  const found = await pairOnOneLink((section, out) => {
    if (section === 'ip-link') return out.replace(/(flannel\.1: <BROADCAST,MULTICAST),UP,LOWER_UP/, '$1');
    return section === 'ip-route-all'
      ? out.replace(/^unicast 10\.244\.1\.0\/24 via \S+ dev eth0 (.*)$/m, 'unicast 10.244.1.0/24 via 10.244.1.0 dev flannel.1 $1onlink')
      : out;
  });
  expect(found[0]).toMatch(/^error vxlan-dev-down@n2: pods of n2 cannot reach/);
});

test('a closed port of such a tunnel is no finding', async () => {
  const found = await pairOnOneLink((section, out) =>
    section === 'iptables-save' ? out.replace(/(\*filter[\s\S]*?)COMMIT/, '$1-A INPUT -p udp -m udp --dport 8472 -j DROP\nCOMMIT') : out,
  );
  expect(found).toEqual([]);
});

test('an interface whose MTU was lowered does not make a node of another backend', async () => {
  const found = await pairOnOneLink((section, out) => (section === 'ip-link' ? out.replace(/(eth0@\S+ <\S+> mtu) 1500/, '$1 1400') : out));
  expect(found.map((f) => f.split(':')[0])).toEqual(['error mtu-overlay-too-large@n2']);
});
