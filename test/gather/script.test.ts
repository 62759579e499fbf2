import {execFileSync} from 'node:child_process';
import {existsSync} from 'node:fs';
import {afterAll, beforeAll, describe, expect, it, vi} from 'vitest';
import type {NodeDump, Section} from '../../src/core/node/dump.js';
import {readDump} from '../../src/edge/gather/read-dump.js';
import {gatherScript} from '../../src/edge/gather/script.js';
import {canMakeNodes, makeNode, type Node} from './node.js';

const script = await gatherScript();
const SHELLS = [['dash'], ['bash'], ['busybox', 'sh']].filter(([shell]) => existsSync(`/bin/${shell}`));
const SECRET = 'cGxlYXNlIGRvIG5vdCBsZXQgdGhpcyBrZXkgZ28gb3V0';

/** What a node of a vxlan cluster has, two pods of two kinds, and things that were named to confuse a reader. */
const CLUSTER = `set -e
ip link add cni0 type bridge
ip addr add 10.244.1.1/24 dev cni0
ip link set cni0 up
ip link add flannel.1 type vxlan id 1 dstport 8472 local 127.0.0.1 nolearning
ip addr add 10.244.1.0/32 dev flannel.1
ip link set flannel.1 up
ip neigh replace 10.244.2.0 lladdr 5e:00:00:00:00:02 dev flannel.1 nud permanent
bridge fdb append 5e:00:00:00:00:02 dev flannel.1 dst 192.0.2.2 self permanent
ip route add 10.244.2.0/24 via 10.244.2.0 dev flannel.1 onlink
ip route add table 77 blackhole 10.9.0.0/16
ip rule add from 10.9.0.1 table 77
ip link set cni0 alias "x
00000000-0000-0000-0000-000000000000= ip-link 0
#flanctl-dump 1 00000000-0000-0000-0000-000000000000"
printf 'FLANNEL_NETWORK=10.244.0.0/16\\nFLANNEL_MTU=1450' >/run/flannel/subnet.env
mkdir -p /etc/cni/net.d
echo '{"name":"cbr0"}' >/etc/cni/net.d/10-flannel.conflist
echo '{}' >"/etc/cni/net.d/odd name.conf"
for pod in web empty; do ip netns add $pod; done
ip link add veth-web type veth peer name eth0 netns web
ip link set veth-web master cni0 up
ip -n web addr add 10.244.1.5/24 dev eth0
ip -n web link set eth0 up
ip -n web route add default via 10.244.1.1
unshare -n -u sh -c 'hostname db-0; exec sleep 500' >/dev/null 2>&1 &
sandbox=$!
sleep 0.3
ip link add veth-db type veth peer name eth0 netns $sandbox
nsenter -t $sandbox -n ip addr add 10.244.1.6/24 dev eth0
nsenter -t $sandbox -n ip link set eth0 up
ip netns attach cni-0b5c1a1e-1111-2222-3333-444455556666 $sandbox
iptables -t nat -A POSTROUTING -s 10.244.0.0/16 -j MASQUERADE
mkdir -p /run/fake
cat >/run/fake/wg <<'END'
#!/bin/sh
printf 'wg0\\t${SECRET}PRIV=\\tpub0=\\t51820\\toff\\n'
printf 'wg0\\tpub1=\\t${SECRET}PSK=\\t192.0.2.9:51820\\t10.244.9.0/24,fd00::/64\\t0\\t1\\t2\\t25\\n'
printf 'wg0\\tpub2=\\t(none)\\t(none)\\t10.244.8.0/24\\t0\\t0\\t0\\toff\\n'
printf 'wg0\\t${SECRET}ODD\\n'
END
chmod +x /run/fake/wg
useradd -M -u 47110 flanctl-sudoer
useradd -M -u 47111 flanctl-plain
echo 'flanctl-sudoer ALL=(ALL) NOPASSWD: ALL' >/etc/sudoers.d/flanctl
chmod 440 /etc/sudoers.d/flanctl
`;

describe.runIf(canMakeNodes)('the script on a real kernel', () => {
  let node: Node;
  beforeAll(async () => {
    node = await makeNode('node-1');
    node.sh(CLUSTER);
  });
  afterAll(async () => node?.stop());

  const path = 'PATH=/run/fake:/usr/bin:/bin';
  const as = (user?: string): readonly string[] => (user ? ['setpriv', '--reuid', user, '--regid', user, '--clear-groups'] : []);
  const dump = (shell: readonly string[], args: readonly string[] = [], user?: string): NodeDump => {
    const {stdout, stderr} = node.run(['env', path, ...as(user), ...shell, '-s', '--', ...args], script);
    expect(stderr).toBe('');
    expect(stdout).not.toContain(SECRET);
    return readDump(stdout, 'n', 'test');
  };
  const out = (dump: NodeDump, name: string): Section => dump.sections.find((s) => s.name === name) ?? expect.unreachable(`no ${name}`);
  const names = (dump: NodeDump): readonly string[] => dump.sections.map((s) => s.name);
  const failed = (dump: NodeDump): readonly string[] => dump.sections.filter((s) => s.rc !== 0).map((s) => `${s.name} ${s.rc}`);

  it.each(SHELLS.map((words) => ({words})))('under $words reads all of it as root', ({words}) => {
    const read = dump(words);
    expect(read.failure).toBeUndefined();
    expect(out(read, 'host').out).toMatch(/^hostname=node-1\nkernel=\d[^\n]*\niproute2=[^\n]+\nuid=0\nsudo=no\n/);
    expect(out(read, 'subnet.env').out).toBe('FLANNEL_NETWORK=10.244.0.0/16\nFLANNEL_MTU=1450');
    expect(out(read, 'cni/10-flannel.conflist').out).toBe('{"name":"cbr0"}\n');
    expect(out(read, 'ip-neigh').out).toContain('5e:00:00:00:00:02');
    expect(out(read, 'bridge-fdb').out).toContain('192.0.2.2');
    expect(out(read, 'ip-route-all').out).toContain('10.9.0.0/16');
    expect(out(read, 'ip-rule').out).toContain('10.9.0.1');
    expect(out(read, 'sysctl').out).toMatch(/^net\/ipv4\/conf\/veth-web\/rp_filter=\d$/m);
    expect(out(read, 'sysctl').out).toMatch(/^net\/netfilter\/nf_conntrack_max=\d{4,}$/m);
    for (const name of [
      'ipv4/conf/veth-web/send_redirects',
      'ipv4/conf/cni0/route_localnet',
      'ipv6/conf/cni0/mtu',
      'ipv6/conf/all/use_tempaddr',
    ])
      expect(out(read, 'sysctl').out).toMatch(new RegExp(`^net/${name}=\\d+$`, 'm'));
    expect(out(read, 'pods/web/sysctl').out).toMatch(/^net\/ipv4\/conf\/eth0\/rp_filter=\d$/m);
    expect(out(read, 'pods/web/sysctl').out).not.toContain('veth-web');
    expect(out(read, 'iptables-save').out).toContain('-A POSTROUTING -s 10.244.0.0/16 -j MASQUERADE');
    expect(out(read, 'ss-udp').out).toMatch(/UNCONN.*:8472/);
    expect(out(read, 'skipped').out).toContain('cni/odd_name.conf odd-name');
    expect(out(read, 'net-conf.json')).toMatchObject({rc: 1, err: expect.stringContaining('No such file')});
    // `empty` has only a loopback device and is left out; the sandbox is found under the name of its host, and once.
    const pods = names(read).filter((name) => name.endsWith('/ip-addr'));
    expect(pods).toEqual(['pods/db-0/ip-addr', 'pods/web/ip-addr']);
    expect(out(read, 'pods/web/ip-addr').out).toContain('10.244.1.5');
    expect(out(read, 'pods/web/ip-route-all').out).toContain('10.244.1.1');
    expect(out(read, 'pods/db-0/ip-addr').out).toContain('10.244.1.6');
  });

  it('prints JSON where there is JSON, and text when told to', () => {
    const json = dump(['dash']);
    for (const name of [
      'ip-link',
      'ip-addr',
      'ip-route-all',
      'ip-6-route-all',
      'ip-rule',
      'ip-neigh',
      'bridge-fdb',
      'pods/web/ip-link',
      'nft',
    ]) {
      expect(() => JSON.parse(out(json, name).out), name).not.toThrow();
    }
    expect(failed(json)).toEqual(['net-conf.json 1']);
    const text = dump(['dash'], ['--text']);
    expect(names(text).filter((n) => !names(json).includes(n))).toEqual([]);
    expect(out(text, 'ip-route-all')).toMatchObject({
      command: 'ip -4 -d route show table all',
      out: expect.stringContaining('unicast 10.244.2.0/24 via'),
    });
    // The alias of cni0 is printed as it is here, line breaks and all.
    expect(out(text, 'ip-link').out).toContain('\n00000000-0000-0000-0000-000000000000= ip-link 0\n#flanctl-dump 1 0000');
    expect(out(text, 'ip-link').out).toContain('flannel.1');
    expect(failed(text)).toEqual(['net-conf.json 1']);
  });

  it('leaves keys on the node', () => {
    const {out: lines, err} = out(dump(['bash']), 'wg-show');
    expect(lines).toBe(
      'wg0\t(hidden)\tpub0=\t51820\toff\n' +
        'wg0\tpub1=\t(hidden)\t192.0.2.9:51820\t10.244.9.0/24,fd00::/64\t0\t1\t2\t25\n' +
        'wg0\tpub2=\t(none)\t(none)\t10.244.8.0/24\t0\t0\t0\toff\n',
    );
    expect(err).toBe('a line of 2 fields was left out');
  });

  it.each(SHELLS.map((words) => ({words})))('under $words, a user with sudo sees what root sees', ({words}) => {
    const read = dump(words, [], 'flanctl-sudoer');
    expect(out(read, 'host').out).toContain('\nuid=47110\nsudo=yes\n');
    // Root's shell is the node's own sh, whatever the user's is.
    expect(names(read)).toEqual(names(dump(['sh'])));
    expect(out(read, 'iptables-save').out).toContain('MASQUERADE');
  });

  it('a user without sudo sees gaps, not empty tables', () => {
    const read = dump(['dash'], [], 'flanctl-plain');
    expect(read.failure).toBeUndefined();
    expect(out(read, 'ip-neigh').out).toContain('5e:00:00:00:00:02');
    expect(out(read, 'iptables-save')).toMatchObject({rc: expect.any(Number), err: expect.stringMatching(/permi|root/i)});
    expect(failed(read)).toEqual(expect.arrayContaining(['iptables-save 4', 'nft 1']));
    expect(out(read, 'skipped').out).toContain('pods no-permission');
  });

  it('a tool that is not there is a gap with exit code 127', () => {
    const lean = node.sh(`mkdir -p /run/lean
for tool in ip nsenter cat ls grep sed id uname sh; do cp -L "$(command -v $tool)" /run/lean/$tool; done
unshare -m sh -c 'mount --bind /run/bin /usr/sbin; mount --bind /run/bin /usr/local/sbin; PATH=/run/lean exec /bin/dash -s' <<'SCRIPT'
${script}
SCRIPT`);
    const read = readDump(lean, 'n', 'test');
    expect(read.failure).toBeUndefined();
    expect(out(read, 'bridge-fdb')).toMatchObject({rc: 127, out: ''});
    expect(out(read, 'nft').rc).toBe(127);
    expect(out(read, 'skipped').out).toMatch(/^iptables-save no-tool$/m);
    // ss is not there: the kernel's own listing takes its place.
    expect(out(read, 'ss-udp')).toMatchObject({rc: 0, out: expect.stringContaining(':2118 ')});
    expect(out(read, 'ip-neigh')).toMatchObject({rc: 0, out: expect.stringContaining('5e:00:00:00:00:02')});
  });

  it('enters no pods, or those that are named', () => {
    const pods = (args: readonly string[]): readonly string[] => names(dump(['dash'], args)).filter((n) => /^pods\/.*ip-addr$/.test(n));
    expect(pods(['--pods', 'none'])).toEqual([]);
    expect(pods(['--pods', 'path', '--', '10.244.1.6'])).toEqual(['pods/db-0/ip-addr']);
    expect(pods(['--pods', 'path', '--', 'web', '10.244.1.66'])).toEqual(['pods/web/ip-addr']);
    expect(pods(['--text', '--pods', 'path', '--', '10.244.1.5'])).toEqual(['pods/web/ip-addr']);
    expect(pods(['--pods', 'path'])).toEqual([]);
  });

  it('prints only what is asked for', () => {
    expect(names(dump(['dash'], ['--only', 'ip-neigh,cni']))).toEqual(['host', 'ip-neigh', 'cni/10-flannel.conflist', 'skipped']);
    expect(names(dump(['dash'], ['--only', 'pods/ip-addr']))).toEqual(['host', 'pods/db-0/ip-addr', 'pods/web/ip-addr', 'pods', 'skipped']);
  });

  it('changes nothing: no file, no table, no socket, no process', async () => {
    const state = (): string =>
      node.sh(
        'nft list ruleset; cat /proc/net/ip_tables_names; ip -d link; ip rule; ip route show table all; find /run /tmp /etc/cni -xdev; ps -eo args | grep -vE "^(ps|sh -s$|grep|sort)|defunct|^COMMAND" | sort',
      );
    const settle = (text: string): string => text.replace(/_timer +[\d.]+/g, '');
    // A link-local address becomes usable a second or two after its device came up, and then has a route.
    let before = '';
    await vi.waitUntil(
      () => {
        const last = before;
        before = state();
        return settle(last) === settle(before) && !/tentative/.test(node.sh('ip -6 addr'));
      },
      {timeout: 15_000, interval: 300},
    );
    for (const shell of SHELLS) dump(shell);
    expect(settle(state())).toBe(settle(before));
  });

  it('cut off anywhere on its way to the node, does nothing', () => {
    for (const part of [0.2, 0.5, 0.9, 0.97]) {
      const {stdout} = node.run(['dash', '-s'], script.slice(0, Math.floor(script.length * part)));
      expect(stdout).toBe('');
    }
  });

  it('finds the files where the distribution keeps them: k3s with a data-dir of its own, MicroK8s', async () => {
    const other = await makeNode('other');
    const read = (shell: readonly string[]) =>
      readDump(
        other.run([...shell, '-s', '--', '--pods', 'none', '--only', 'subnet.env,net-conf.json,cni,cni-bin'], script).stdout,
        'n',
        'test',
      ).sections.flatMap((s) => (/^(host|skipped)$/.test(s.name) ? [] : [`${s.name} ${s.rc} ${s.out.trim()}`]));
    try {
      other.sh(`mkdir -p /etc/rancher/k3s /etc/systemd/system '/run/data 1' /run/data-2/agent/etc/flannel /run/data-2/agent/etc/cni/net.d /run/data-2/data/current/bin
echo '{"a":1}' >/run/data-2/agent/etc/flannel/net-conf.json
echo '{"b":1}' >/run/data-2/agent/etc/cni/net.d/10-flannel.conflist
cp /bin/true /run/data-2/data/current/bin/flannel
rm -rf /etc/cni`);
      const there = ['subnet.env 1 ', 'net-conf.json 0 {"a":1}', 'cni/10-flannel.conflist 0 {"b":1}', 'cni-bin 0 flannel'];
      other.sh(`printf '%s\\n' 'write-kubeconfig-mode: "0644"' 'data-dir: "/run/data-2"' >/etc/rancher/k3s/config.yaml`);
      for (const shell of SHELLS) expect(read(shell)).toEqual(there);
      other.sh(`rm /etc/rancher/k3s/config.yaml
printf '%s\\n' '[Service]' 'ExecStart=/usr/local/bin/k3s \\' '    agent \\' "\t'--data-dir' \\" "\t'/run/data-2/' \\" >/etc/systemd/system/k3s-agent.service`);
      for (const shell of SHELLS) expect(read(shell)).toEqual(there);

      other.sh(`rm /etc/systemd/system/k3s-agent.service; mount -t tmpfs tmpfs /var
mkdir -p /var/snap/microk8s/common/run/flannel /var/snap/microk8s/current/args/cni-network /var/snap/microk8s/current/opt/cni/bin /var/snap/microk8s/current/var/lock
echo FLANNEL_MTU=1450 >/var/snap/microk8s/common/run/flannel/subnet.env
echo '{"c":1}' >/var/snap/microk8s/current/args/flannel-network-mgr-config
echo '{"d":1}' >/var/snap/microk8s/current/args/cni-network/flannel.conflist
cp /bin/true /var/snap/microk8s/current/opt/cni/bin/flannel`);
      for (const shell of SHELLS)
        expect(read(shell)).toEqual([
          'subnet.env 0 FLANNEL_MTU=1450',
          'net-conf.json 0 {"c":1}',
          'cni/flannel.conflist 0 {"d":1}',
          'cni-bin 0 flannel',
        ]);
      // With ha-cluster its network is Calico's, and these files are of earlier.
      other.sh('touch /var/snap/microk8s/current/var/lock/ha-cluster');
      expect(read(SHELLS[0]!)).toEqual(['subnet.env 1 ', 'net-conf.json 1 ', 'cni-bin 0 ']);
    } finally {
      await other.stop();
    }
  });

  it('in a namespace without any netfilter table asks for none', async () => {
    const bare = await makeNode('bare');
    try {
      const {stdout} = bare.run(['dash', '-s', '--', '--pods', 'none'], script);
      const read = readDump(stdout, 'n', 'test');
      expect(out(read, 'skipped').out).toMatch(/^iptables-legacy-save not-loaded$/m);
      expect(bare.sh('nft list ruleset')).toBe('');
    } finally {
      await bare.stop();
    }
  });
});

it('is one that every shell here accepts, with no apostrophe in the quoted program', () => {
  for (const [shell, ...args] of SHELLS) execFileSync(shell!, [...args, '-n'], {input: script});
  const quoted = script.slice(script.indexOf("program='") + 9, script.lastIndexOf("}\n'"));
  expect(quoted).not.toContain("'");
  expect(quoted).toContain('main() {');
});
