import {spawn} from 'node:child_process';
import {existsSync, readFileSync, rmSync, writeFileSync} from 'node:fs';
import {readFile} from 'node:fs/promises';
import {join} from 'node:path';
import {setTimeout as sleep} from 'node:timers/promises';
import {build} from 'esbuild';
import {describe, expect, test} from 'vitest';
import {labDown} from '../../src/edge/lab/down.js';
import {runIn} from '../../src/edge/lab/exec.js';
import {listLabs} from '../../src/edge/lab/list.js';
import {alive, inhabitants, namespacesOf} from '../../src/edge/lab/namespaces.js';
import {run} from '../../src/edge/lab/shell.js';
import {labDir, loadLab} from '../../src/edge/lab/state.js';
import {defaultSpec, type Lab, layOut} from '../../src/edge/lab/topology.js';
import {labUp} from '../../src/edge/lab/up.js';
import {Failure} from '../../src/failure.js';
import {labsWork, testLabs} from './in-lab.js';

const labs = testLabs();

async function json<T = Record<string, unknown>>(lab: Lab, place: string, command: string): Promise<T[]> {
  const ran = await runIn(lab, place, command.split(' '));
  expect(ran.stderr).toBe('');
  return JSON.parse(ran.stdout) as T[];
}

/** Processes that hold or serve a node, wherever they got to. */
async function processesOf(name: string): Promise<string[]> {
  const {stdout} = await run(['ps', '-eo', 'args']);
  return stdout.split('\n').filter((line) => line.includes(`${labs.root}/${name}/`));
}

async function expectNothingLeft(name: string): Promise<void> {
  expect(await namespacesOf(name)).toEqual([]);
  expect(await processesOf(name)).toEqual([]);
  expect(existsSync(labDir(name))).toBe(false);
  const mount = new RegExp(`/fl-${name}-(u|vm|n\\d+(-p\\d+)?) `);
  expect(
    (await readFile('/proc/mounts', 'utf8')).split('\n').filter((line) => line.includes(`${labs.root}/${name}/`) || mount.test(line)),
  ).toEqual([]);
}

describe('the plan of a lab', () => {
  test('is the same for the same spec, MACs included, and differs between labs', () => {
    const spec = {...defaultSpec, name: 'one', dualStack: true};
    expect(layOut(spec, '/x')).toEqual(layOut(spec, '/x'));
    const [one, two] = [layOut(spec, '/x'), layOut({...spec, name: 'two'}, '/x')];
    const macs = [...one.nodes, ...two.nodes].flatMap((n) => [n.mac, n.vtepMac!, n.vtepMac6!, ...n.pods.map((p) => p.mac)]);
    expect(new Set(macs).size).toBe(macs.length);
    // Locally administered, unicast.
    for (const mac of macs) expect(Number.parseInt(mac.slice(0, 2), 16) & 3).toBe(2);
  });

  test.each([
    [{name: 'Bad_Name'}, /no lab name/],
    [{name: 'thirteen-char'}, /no lab name/],
    [{backend: 'host-gw', underlay: 'routed'}, /host-gw cannot work across a router/],
    [{backend: 'host-gw', directRouting: true}, /DirectRouting is a setting of vxlan/],
    [{nodes: 0}, /number of nodes/],
    [{vni: 16_777_216}, /VNI/],
    [{mtu: 9001}, /MTU/],
  ] as const)('refuses %j', (wish, message) => {
    expect(() => layOut({...defaultSpec, ...wish}, '/x')).toThrow(message);
  });

  test('has both kinds of peers for DirectRouting on a routed underlay', () => {
    const lab = layOut({...defaultSpec, underlay: 'routed', directRouting: true}, '/x');
    expect(lab.nodes.map((n) => n.ip)).toEqual(['192.168.77.11', '192.168.77.12', '192.168.78.13']);
    expect(lab.netConf).toEqual({Network: '10.244.0.0/16', EnableNFTables: false, Backend: {Type: 'vxlan', VNI: 1, DirectRouting: true}});
  });
});

describe.skipIf(!labsWork)('a vxlan node', () => {
  test('holds what flanneld leaves, to the letter', async () => {
    const lab = await labs.up({name: 'ltv', dualStack: true});
    const [, n2, n3] = lab.nodes;

    const [device] = await json(lab, 'n1', 'ip -j -d link show flannel.1');
    expect(device).toMatchObject({
      ifname: 'flannel.1',
      flags: ['BROADCAST', 'MULTICAST', 'UP', 'LOWER_UP'],
      mtu: 1450,
      qdisc: 'noqueue',
      operstate: 'UNKNOWN',
      linkmode: 'DEFAULT',
      group: 'default',
      link_type: 'ether',
      address: lab.nodes[0]!.vtepMac,
      inet6_addr_gen_mode: 'eui64',
      linkinfo: {
        info_kind: 'vxlan',
        info_data: {
          id: 1,
          local: '192.168.77.11',
          link: 'eth0',
          port_range: {low: 0, high: 0},
          port: 8472,
          learning: false,
          ttl: 0,
          df: 'unset',
          ageing: 300,
          udp_csum: true,
          udp_zero_csum6_tx: false,
          udp_zero_csum6_rx: false,
        },
      },
    });
    expect(device).not.toHaveProperty('txqlen');
    const [six] = await json(lab, 'n1', 'ip -j -d link show flannel-v6.1');
    expect(six).toMatchObject({mtu: 1430, linkinfo: {info_data: {local6: 'fd77::11', port: 8472}}});

    const [addresses] = await json<{addr_info: unknown[]}>(lab, 'n1', 'ip -j addr show flannel.1');
    const forever = {valid_life_time: 4294967295, preferred_life_time: 4294967295};
    expect(addresses!.addr_info[0]).toEqual({
      family: 'inet',
      local: '10.244.1.0',
      prefixlen: 32,
      scope: 'global',
      label: 'flannel.1',
      ...forever,
    });
    expect(addresses!.addr_info).toHaveLength(2);

    expect(await json(lab, 'n1', 'ip -j route')).toContainEqual({
      dst: '10.244.2.0/24',
      gateway: '10.244.2.0',
      dev: 'flannel.1',
      flags: ['onlink'],
    });
    expect(await json(lab, 'n1', 'ip -j -d route')).toContainEqual({
      type: 'unicast',
      dst: '10.244.2.0/24',
      gateway: '10.244.2.0',
      dev: 'flannel.1',
      protocol: 'boot',
      scope: 'global',
      flags: ['onlink'],
    });
    const routes6 = await json(lab, 'n1', 'ip -j -6 route');
    expect(routes6).toContainEqual({
      dst: 'fd44:0:0:2::/64',
      gateway: 'fd44:0:0:2::',
      dev: 'flannel-v6.1',
      metric: 1024,
      flags: ['onlink'],
      pref: 'medium',
    });
    expect(routes6).toContainEqual({dst: 'fd44:0:0:1::', dev: 'flannel-v6.1', protocol: 'kernel', metric: 256, flags: [], pref: 'medium'});
    const neighbours = await json<{dst: string}>(lab, 'n1', 'ip -j -4 neigh show dev flannel.1');
    expect(neighbours.sort((a, b) => a.dst.localeCompare(b.dst))).toEqual([
      {dst: '10.244.2.0', lladdr: n2!.vtepMac, state: ['PERMANENT']},
      {dst: '10.244.3.0', lladdr: n3!.vtepMac, state: ['PERMANENT']},
    ]);
    expect(await json(lab, 'n1', 'bridge -j fdb show dev flannel.1')).toContainEqual({
      mac: n2!.vtepMac,
      dst: '192.168.77.12',
      flags: ['self'],
      state: 'permanent',
    });
    expect(await json(lab, 'n1', 'bridge -j fdb show dev flannel-v6.1')).toContainEqual({
      mac: n3!.vtepMac6,
      dst: 'fd77::13',
      flags: ['self'],
      state: 'permanent',
    });
  });

  test('has cni0, pods, files and chains as a Kubernetes node has', async () => {
    const lab = await loadLab('ltv');
    expect((await runIn(lab, 'n1', ['cat', '/run/flannel/subnet.env'])).stdout).toBe(
      'FLANNEL_NETWORK=10.244.0.0/16\nFLANNEL_SUBNET=10.244.1.1/24\nFLANNEL_IPV6_NETWORK=fd44::/56\nFLANNEL_IPV6_SUBNET=fd44:0:0:1::1/64\nFLANNEL_MTU=1450\nFLANNEL_IPMASQ=true\n',
    );
    expect(JSON.parse((await runIn(lab, 'n2', ['cat', '/etc/kube-flannel/net-conf.json'])).stdout)).toEqual(lab.netConf);
    expect((await runIn(lab, 'n2', 'hostname; ls /run/netns; ls /sys/class/net | grep -v veth; ls /etc/cni/net.d')).stdout).toBe(
      'n2\nn2-p1\nn2-p2\ncni0\neth0\nflannel-v6.1\nflannel.1\nlo\n10-flannel.conflist\n',
    );
    expect(await json(lab, 'n1', 'ip -j route')).toContainEqual({
      dst: '10.244.1.0/24',
      dev: 'cni0',
      protocol: 'kernel',
      scope: 'link',
      prefsrc: '10.244.1.1',
      flags: [],
    });
    const [port] = await json<{linkinfo: {info_slave_data: unknown}}>(lab, 'n1', `ip -j -d link show ${lab.nodes[0]!.pods[0]!.veth}`);
    expect(port).toMatchObject({master: 'cni0', mtu: 1450, linkinfo: {info_slave_data: {hairpin: true, state: 'forwarding'}}});
    expect(await json(lab, 'n1-p1', 'ip -j route')).toEqual([
      {dst: 'default', gateway: '10.244.1.1', dev: 'eth0', flags: []},
      {dst: '10.244.0.0/16', gateway: '10.244.1.1', dev: 'eth0', flags: []},
      {dst: '10.244.1.0/24', dev: 'eth0', protocol: 'kernel', scope: 'link', prefsrc: '10.244.1.2', flags: []},
    ]);
    const rules = (await runIn(lab, 'n1', ['iptables-save'])).stdout.split('\n').filter((line) => line.startsWith('-A'));
    expect(rules.map((line) => line.replace(' --random-fully', ''))).toEqual([
      '-A FORWARD -m comment --comment "flanneld forward" -j FLANNEL-FWD',
      '-A FLANNEL-FWD -s 10.244.0.0/16 -m comment --comment "flanneld forward" -j ACCEPT',
      '-A FLANNEL-FWD -d 10.244.0.0/16 -m comment --comment "flanneld forward" -j ACCEPT',
      '-A POSTROUTING -m comment --comment "flanneld masq" -j FLANNEL-POSTRTG',
      '-A FLANNEL-POSTRTG -m mark --mark 0x4000/0x4000 -m comment --comment "flanneld masq" -j RETURN',
      '-A FLANNEL-POSTRTG -s 10.244.1.0/24 -d 10.244.0.0/16 -m comment --comment "flanneld masq" -j RETURN',
      '-A FLANNEL-POSTRTG -s 10.244.0.0/16 -d 10.244.1.0/24 -m comment --comment "flanneld masq" -j RETURN',
      '-A FLANNEL-POSTRTG ! -s 10.244.0.0/16 -d 10.244.1.0/24 -m comment --comment "flanneld masq" -j RETURN',
      '-A FLANNEL-POSTRTG -s 10.244.0.0/16 ! -d 224.0.0.0/4 -m comment --comment "flanneld masq" -j MASQUERADE',
      '-A FLANNEL-POSTRTG ! -s 10.244.0.0/16 -d 10.244.0.0/16 -m comment --comment "flanneld masq" -j MASQUERADE',
    ]);
  });

  test('cannot write to the /etc of the machine, and has one of its own', async () => {
    const lab = await loadLab('ltv');
    const ran = await runIn(lab, 'n1', 'echo here > /etc/flanctl-lab-test && cat /etc/flanctl-lab-test; echo x >> /etc/passwd');
    expect(ran.stdout).toBe('here\n');
    expect(ran.stderr).toMatch(/Read-only file system/);
    expect(existsSync('/etc/flanctl-lab-test')).toBe(false);
    expect((await runIn(lab, 'n1', ['getent', 'passwd', 'root'])).stdout).toMatch(/^root:/);
  });

  test('is reached with the exit status of what ran in it', async () => {
    const lab = await loadLab('ltv');
    expect((await runIn(lab, 'n1', 'exit 7')).code).toBe(7);
    expect((await runIn(lab, 'n3-p2', ['false'])).code).toBe(1);
    await expect(runIn(lab, 'n9', ['true'])).rejects.toThrow(/has no n9/);
  });

  test('is listed alive, then broken when a node dies, and goes all the same', async () => {
    const lab = await loadLab('ltv');
    const entry = async () => (await listLabs()).find((one) => one.name === 'ltv');
    expect(await entry()).toEqual({name: 'ltv', backend: 'vxlan', nodes: 3, pods: 6, state: 'alive', inventory: lab.inventory});
    process.kill(lab.nodes[1]!.pid!, 'SIGKILL');
    await expect.poll(() => alive(lab.nodes[1]!)).toBe(false);
    expect((await entry())?.state).toBe('broken');
    await expect(runIn(lab, 'n2', ['true'])).rejects.toThrow(/does not run any more/);
    await labDown('ltv');
    await expectNothingLeft('ltv');
    await labDown('ltv');
  });
});

describe.skipIf(!labsWork)('the underlay', () => {
  test('routed with DirectRouting: plain routes on the segment, the tunnel across the router', async () => {
    const lab = await labs.up({name: 'ltr', underlay: 'routed', directRouting: true, pods: 1});
    const routes = await json<{dst: string}>(lab, 'n1', 'ip -j route');
    expect(routes).toContainEqual({dst: '10.244.2.0/24', gateway: '192.168.77.12', dev: 'eth0', flags: []});
    expect(routes).toContainEqual({dst: '10.244.3.0/24', gateway: '10.244.3.0', dev: 'flannel.1', flags: ['onlink']});
    expect((await json(lab, 'n1', 'ip -j -4 neigh show dev flannel.1')).length).toBe(1);
    await labDown('ltr');
    await expectNothingLeft('ltr');
  });

  test('host-gw, IPv4 and IPv6: plain routes and no device', async () => {
    const lab = await labs.up({name: 'lth', backend: 'host-gw', dualStack: true, pods: 1});
    expect(await json(lab, 'n1', 'ip -j route')).toContainEqual({dst: '10.244.2.0/24', gateway: '192.168.77.12', dev: 'eth0', flags: []});
    expect(await json(lab, 'n1', 'ip -j -6 route')).toContainEqual({
      dst: 'fd44:0:0:2::/64',
      gateway: 'fd77::12',
      dev: 'eth0',
      metric: 1024,
      flags: [],
      pref: 'medium',
    });
    expect((await runIn(lab, 'n1', ['cat', '/run/flannel/subnet.env'])).stdout).toContain('FLANNEL_MTU=1500\n');
    expect((await runIn(lab, 'n1', 'ls /sys/class/net')).stdout).not.toContain('flannel');
    await labDown('lth');
  });

  test('other VNI, port and MTU', async () => {
    const lab = await labs.up({name: 'lto', nodes: 2, pods: 1, vni: 4096, port: 4789, mtu: 9000});
    expect(await json(lab, 'n2', 'ip -j -d link show flannel.4096')).toMatchObject([
      {mtu: 8950, linkinfo: {info_data: {id: 4096, port: 4789}}},
    ]);
    expect(await json(lab, 'n2-p1', 'ip -j link show eth0')).toMatchObject([{mtu: 8950}]);
    await labDown('lto');
  });
});

describe.skipIf(!labsWork)('labs on one machine', () => {
  test('stand side by side, even where one name begins with the other, and never show on the machine itself', async () => {
    const monitor = spawn('ip', ['-o', 'monitor', 'link'], {stdio: ['ignore', 'pipe', 'ignore']});
    let events = '';
    monitor.stdout.on('data', (chunk: Buffer) => {
      events += String(chunk);
    });
    const [one, two] = await Promise.all([
      labs.up({name: 'lta', nodes: 2, pods: 1}),
      labs.up({name: 'lta-n1', nodes: 2, pods: 1, backend: 'host-gw'}),
    ]);
    await expect(labUp({name: 'lta'})).rejects.toThrow(/there is a lab lta already/);
    await labDown('lta');
    await expectNothingLeft('lta');
    expect((await runIn(two, 'n1-p1', ['ping', '-c1', '-W1', '10.244.2.2'])).code).toBe(0);
    await labDown('lta-n1');
    await sleep(50);
    monitor.kill();
    const names = [one, two].flatMap((lab) => [
      'br0',
      'cni0',
      'flannel.1',
      ...lab.nodes.flatMap((n) => [n.name, ...n.pods.map((p) => p.veth)]),
    ]);
    const seen = names.filter((name) => new RegExp(`: ${name.replace('.', '\\.')}[@:]`).test(events));
    expect(seen).toEqual([]);
    expect(existsSync('/etc/cni/net.d/10-flannel.conflist')).toBe(false);
  });

  test('up, interrupted at any step, leaves nothing', async () => {
    for (const at of ['namespaces', 'nodes', 'underlay', 'flannel (vxlan) and pods']) {
      const stop = new AbortController();
      const up = labUp(
        {name: labs.willClear('lti')},
        {signal: stop.signal, onStep: (step) => step === at && setImmediate(() => stop.abort(new Failure('interrupted')))},
      );
      await expect(up, at).rejects.toThrow('interrupted');
      await expectNothingLeft('lti');
    }
  });

  test('down clears away what a killed up left, at whatever step it was', async () => {
    const program = join(labs.root, 'up.cjs');
    await build({entryPoints: ['src/edge/lab/up.ts'], bundle: true, platform: 'node', format: 'cjs', outfile: program, logLevel: 'silent'});
    writeFileSync(
      join(labs.root, 'run.cjs'),
      `require('./up.cjs').labUp({name: 'ltk'}, {onStep: (step) => process.stdout.write(step + '\\n')});`,
    );
    labs.willClear('ltk');
    for (const at of ['namespaces', 'nodes', 'underlay', 'flannel (vxlan) and pods']) {
      const child = spawn(process.execPath, [join(labs.root, 'run.cjs')], {stdio: ['ignore', 'pipe', 'inherit']});
      await new Promise<void>((resolve) => {
        child.stdout.on('data', (chunk: Buffer) => {
          if (String(chunk).split('\n').includes(at)) child.kill('SIGKILL');
        });
        child.on('close', () => resolve());
      });
      expect(child.signalCode, at).toBe('SIGKILL');
      expect(JSON.parse(readFileSync(`${labDir('ltk')}/lab.json`, 'utf8'))).toMatchObject({phase: 'building'});
      await expect(loadLab('ltk')).rejects.toThrow(/never finished/);
      await labDown('ltk');
      await expectNothingLeft('ltk');
    }
  });

  test("down finds a lab whose records are lost, and touches no process but the lab's own", async () => {
    const lab = await labs.up({name: 'ltf', nodes: 1, pods: 1});
    const guest = spawn('nsenter', [`--net=/run/netns/${lab.nodes[0]!.netns}`, 'sleep', '300'], {stdio: 'ignore'});
    await expect.poll(async () => (await inhabitants('ltf')).some((one) => one.command === 'sleep 300')).toBe(true);
    rmSync(labDir('ltf'), {recursive: true});
    expect((await listLabs()).find((one) => one.name === 'ltf')).toMatchObject({state: 'orphaned', nodes: 1, pods: 1});
    const result = await labDown('ltf');
    expect(result.left).toEqual([{pid: guest.pid, command: 'sleep 300'}]);
    await expectNothingLeft('ltf');
    expect(guest.exitCode).toBeNull();
    guest.kill();
  });

  test('a pid of the records that another process has by now is not believed', async () => {
    const lab = await labs.up({name: 'ltp', nodes: 1, pods: 0});
    const stranger = spawn('sleep', ['300'], {stdio: 'ignore'});
    const file = `${labDir('ltp')}/lab.json`;
    writeFileSync(file, JSON.stringify({...lab, nodes: lab.nodes.map((node) => ({...node, pid: stranger.pid}))}));
    await expect(runIn(await loadLab('ltp'), 'n1', ['true'])).rejects.toThrow(/does not run any more/);
    await labDown('ltp');
    await expectNothingLeft('ltp');
    expect(stranger.exitCode).toBeNull();
    expect(stranger.signalCode).toBeNull();
    stranger.kill();
  });
});

describe.skipIf(!labsWork)('a lab with SSH', () => {
  test("is reached by the system's ssh, binary safe, with known host keys, and its servers end with it", async () => {
    const lab = await labs.up({name: 'lts', nodes: 2, pods: 1, ssh: true});
    const ssh = ['ssh', '-F', lab.sshConfig!];
    expect(await run([...ssh, 'n2', 'hostname; exit 5'])).toEqual({code: 5, stdout: 'n2\n', stderr: ''});
    const text = Array.from({length: 200_000}, (_, n) => String.fromCharCode(n % 128)).join('');
    expect((await run([...ssh, 'n1', 'cat'], {input: text})).stdout === text).toBe(true);
    expect(await readFile(lab.inventory, 'utf8')).toContain(`config: ${lab.sshConfig}`);
    const known = `${lab.dir}/ssh/known_hosts`;
    writeFileSync(
      known,
      (await readFile(known, 'utf8')).replace(/^n1,.*$/m, (await readFile(known, 'utf8')).match(/^n2,\S+ (.*)$/m)![1]!.replace(/^/, 'n1 ')),
    );
    expect((await run([...ssh, 'n1', 'true'])).code).toBe(255);
    // By number, for another test's lab may have servers of its own.
    const servers = (await inhabitants('lts')).filter((one) => one.command.includes('/run/lab/ssh/sshd_config')).map((one) => one.pid);
    expect(servers.length).toBeGreaterThanOrEqual(lab.nodes.length);
    await labDown('lts');
    await expectNothingLeft('lts');
    expect((await run(['ps', '-o', 'args=', '-p', servers.join(',')])).stdout).not.toContain('/run/lab/ssh/sshd_config');
  });
});
