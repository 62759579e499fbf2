import {readFileSync} from 'node:fs';
import {join} from 'node:path';
import {afterAll, beforeAll, describe, expect, test} from 'vitest';
import type {NodeDump} from '../../src/core/node/dump.js';
import {gather} from '../../src/edge/gather/gather.js';
import {labDown} from '../../src/edge/lab/down.js';
import {runIn} from '../../src/edge/lab/exec.js';
import {netfilterOf} from '../../src/edge/lab/provision.js';
import type {Lab, LabNode} from '../../src/edge/lab/topology.js';
import {labUp} from '../../src/edge/lab/up.js';
import {openTrace, type Traced} from '../../src/edge/trace.js';

/**
 * A Kubernetes service through kube-proxy's rules as recorded, on every node of a lab: what trace says of its address is what connections
 * meet. Each sender connects often enough that chance takes every endpoint.
 */
const name = `svc${process.pid % 10_000}`;
const service = '10.96.0.100';
const empty = '10.96.0.200';
const attempts = 20;

let lab: Lab;
const pod = (which: string) => lab.nodes.flatMap((n) => n.pods).find((p) => p.name === which)!;
const endpoints = () => [pod('n1-p2'), pod('n2-p1')];

beforeAll(async () => {
  lab = await labUp({name, nodes: 3, pods: 2}, {replace: true});
  const server = `import socketserver, sys
class H(socketserver.BaseRequestHandler):
    def handle(self): self.request.sendall(sys.argv[1].encode())
socketserver.ThreadingTCPServer.request_queue_size = 1000
socketserver.ThreadingTCPServer(("", 8080), H).serve_forever()`;
  for (const end of [...endpoints(), {name: 'n1'}]) {
    // It ends with the process namespace of its node.
    const started = await runIn(lab, end.name, `python3 -c '${server}' ${end.name} >/dev/null 2>&1 </dev/null &`);
    expect(started.code).toBe(0);
    const listens = await runIn(
      lab,
      end.name,
      'n=0; while [ $n -lt 200 ]; do ss -ltnH | grep -q :8080 && exit 0; n=$((n+1)); sleep 0.05; done; exit 1',
    );
    expect(listens.code).toBe(0);
  }
});
afterAll(async () => {
  await labDown(name);
});

const recorded = (file: string) => readFileSync(join(import.meta.dirname, '../outputs/netfilter/rules', file), 'utf8');

/** The recorded rules, with endpoints that are pods of the lab. */
const kubeProxy = () => recorded('kube-proxy.v4').replaceAll('10.244.1.5', endpoints()[0]!.ip).replaceAll('10.244.2.7', endpoints()[1]!.ip);

interface Rules {
  readonly docker?: boolean;
  readonly randomFully?: boolean;
  readonly nft?: boolean;
  readonly flavour?: 'legacy';
  /** kube-proxy in nftables mode. */
  readonly proxyNft?: boolean;
}

/** As kube-proxy 1.31 writes them in nftables mode. */
const kubeProxyNft = () => {
  const [one, two] = endpoints().map((e) => e.ip);
  const endpoint = (chain: string, ip: string | undefined) => `
  chain ${chain} {
    ip saddr ${ip} jump mark-for-masquerade
    meta l4proto tcp dnat to ${ip}:8080
  }`;
  return `table ip kube-proxy {
  comment "rules for kube-proxy";
  set cluster-ips { type ipv4_addr; elements = { ${service}, ${empty} }; }
  set nodeport-ips { type ipv4_addr; elements = { ${lab.nodes.map((n) => n.ip).join(', ')} }; }
  map no-endpoint-services { type ipv4_addr . inet_proto . inet_service : verdict; elements = { ${empty} . tcp . 80 : goto reject-chain }; }
  map service-ips { type ipv4_addr . inet_proto . inet_service : verdict; elements = { ${service} . tcp . 80 : goto service-web }; }
  map service-nodeports { type inet_proto . inet_service : verdict; elements = { tcp . 30080 : goto external-web }; }
  chain mark-for-masquerade {
    meta mark set meta mark | 0x4000
  }
  chain masquerading {
    meta mark & 0x4000 == 0 return
    meta mark set meta mark ^ 0x4000
    masquerade fully-random
  }
  chain reject-chain {
    reject
  }${endpoint('endpoint-one', one)}${endpoint('endpoint-two', two)}
  chain service-web {
    ip daddr ${service} tcp dport 80 ip saddr != 10.244.0.0/16 jump mark-for-masquerade
    numgen random mod 2 vmap { 0 : goto endpoint-one, 1 : goto endpoint-two }
  }
  chain external-web {
    jump mark-for-masquerade
    goto service-web
  }
  chain services {
    ip daddr . meta l4proto . th dport vmap @service-ips
    ip daddr @nodeport-ips meta l4proto . th dport vmap @service-nodeports
  }
  chain service-endpoints-check {
    ip daddr . meta l4proto . th dport vmap @no-endpoint-services
  }
  chain nat-prerouting { type nat hook prerouting priority dstnat; policy accept; jump services; }
  chain nat-output { type nat hook output priority -100; policy accept; jump services; }
  chain nat-postrouting { type nat hook postrouting priority srcnat; policy accept; jump masquerading; }
  chain filter-forward { type filter hook forward priority -110; policy accept; ct state new jump service-endpoints-check; }
  chain filter-output { type filter hook output priority -110; policy accept; ct state new jump service-endpoints-check; }
}
`;
};

async function load(node: LabNode, {docker, randomFully = true, nft, flavour, proxyNft}: Rules): Promise<void> {
  const tool = flavour === 'legacy' ? 'iptables-legacy' : 'iptables-nft';
  const plain = (text: string) => (randomFully ? text : text.replaceAll(' --random-fully', ''));
  const parts = [
    ...(docker ? [recorded('docker.v4')] : []),
    ...(proxyNft ? [] : [kubeProxy()]),
    ...(nft ? [] : [netfilterOf(lab, node, 4, {randomFully})]),
  ];
  const natively = [
    ...(proxyNft ? [kubeProxyNft()] : []),
    ...(nft ? [recorded('flannel.nft').replaceAll('10.244.1.0/24', node.subnet)] : []),
  ];
  const empties = ['raw', 'mangle', 'nat', 'filter'].flatMap((table) =>
    ['legacy', 'nft'].map((f) => `iptables-${f} -t ${table} -F; iptables-${f} -t ${table} -X`),
  );
  const policies = ['legacy', 'nft'].map((f) => `iptables-${f} -P FORWARD ACCEPT`);
  await runIn(lab, node.name, [...empties, ...policies, 'nft flush ruleset'].join('\n'));
  for (const [program, texts] of [
    [[`${tool}-restore`, '--noflush'], parts],
    [['nft', '-f', '-'], natively],
  ] as const)
    for (const text of texts) expect(await runIn(lab, node.name, program, {input: plain(text)})).toMatchObject({code: 0});
}

const given = () => ({netConf: lab.netConf});

async function traces(): Promise<(from: string, to: string, port: number) => Promise<Traced>> {
  const addresses = lab.nodes.map((n) => ({node: n.name, via: 'netns' as const, pid: n.pid!}));
  const dumps: NodeDump[] = [];
  for await (const dump of gather(addresses, {transport: {sshHostKeys: 'strict', notice: () => {}}})) dumps.push(dump);
  const evidence = {
    async *nodes() {
      yield* dumps;
    },
  };
  const tracer = await openTrace(evidence, given());
  return (from, to, port) => tracer.trace(tracer.endpoint(from), tracer.endpoint(to), {proto: 'tcp', port});
}

/**
 * Who answered each attempt; `!` and the error where nobody did, or only after a first packet was lost: what dies before POSTROUTING leaves
 * nothing in connection tracking, so the next SYN of the same connection may be given to another endpoint.
 */
async function connect(from: string, to: string, port: number): Promise<readonly string[]> {
  const client = `import socket, struct, sys, threading
out = []
def one():
    try:
        with socket.create_connection((sys.argv[1], int(sys.argv[2])), 2) as s:
            again = struct.unpack_from('I', s.getsockopt(socket.IPPROTO_TCP, 11, 104), 100)[0]
            s.settimeout(20)
            out.append('! a lost packet' if again else s.recv(100).decode())
    except OSError as e: out.append('! ' + str(e))
threads = [threading.Thread(target=one) for _ in range(${attempts})]
for t in threads: t.start()
for t in threads: t.join()
print('\\n'.join(out))`;
  const ran = await runIn(lab, from, ['python3', '-c', client, to, String(port)]);
  expect(ran.code, ran.stderr).toBe(0);
  return ran.stdout.trim().split('\n');
}

const said = ({there, back}: Traced): string => {
  const bad = [there, back].find((w) => w && w.verdict.kind !== 'reachable')?.verdict;
  return bad && bad.kind !== 'reachable' ? `${bad.kind}: ${bad.because}` : back ? 'reachable' : 'no answer';
};

const senders = ['n3-p1', 'n1-p1', 'n1-p2', 'n2-p1', 'n3', 'n1'];

/** What trace says of each sender, and where that is not what its connections met. */
async function compare(to: string, port: number, from: readonly string[] = senders) {
  const trace = await traces();
  const wrong: string[] = [];
  const says: {[sender: string]: string} = {};
  for (const sender of from) says[sender] = said(await trace(sender, to, port));
  await Promise.all(
    from.map(async (sender) => {
      const answers = await connect(sender, to, port);
      const missing = endpoints().filter((end) => !answers.includes(end.name));
      const all = answers.every((answer) => !answer.startsWith('!'));
      const text = says[sender]!;
      const named = missing.filter((end) => text.startsWith('broken: ') && text.includes(`dnat to ${end.ip}:8080`));
      const agree = text === 'reachable' ? all && missing.length === 0 : !all && (missing.length === 2 || named.length === 1);
      if (!agree) wrong.push(`${sender} to ${to}: ${text}; connections: ${[...new Set(answers)].join(', ')}`);
    }),
  );
  return {trace, says, wrong};
}

const stocks: {readonly [name: string]: Rules} = {
  'kube-proxy and flannel': {},
  'without --random-fully': {randomFully: false},
  "beside Docker's chains": {docker: true},
  'flannel in nftables mode': {nft: true},
  'legacy iptables': {flavour: 'legacy'},
  'kube-proxy and flannel in nftables mode': {proxyNft: true, nft: true},
};

describe('a service address', () => {
  test.each(Object.entries(stocks))(
    '%s: every endpoint is reached, from pods, from an endpoint itself and from nodes',
    async (_, rules) => {
      for (const node of lab.nodes) await load(node, rules);
      const {says, wrong} = await compare(service, 80);
      expect(wrong).toEqual([]);
      expect(says).toEqual(Object.fromEntries(senders.map((from) => [from, 'reachable'])));
    },
  );
});

/** Something on a node that stops some of the connections, and how to mend it. */
const faults: {
  readonly [name: string]: {readonly at: string; readonly run: string; readonly fix: string; readonly broken: readonly string[]};
} = {
  'the node of an endpoint does not forward': {
    at: 'n2',
    run: 'sysctl -qw net.ipv4.ip_forward=0',
    fix: 'sysctl -qw net.ipv4.ip_forward=1',
    broken: ['n3-p1', 'n1-p1', 'n1-p2', 'n2-p1', 'n3', 'n1'],
  },
  'the port of an endpoint is down': {
    at: 'n1',
    run: 'ip link set PORT down',
    fix: 'ip link set PORT up',
    broken: ['n3-p1', 'n1-p1', 'n2-p1', 'n3', 'n1'],
  },
  'the port of an endpoint has no hairpin': {
    at: 'n1',
    run: 'bridge link set dev PORT hairpin off',
    fix: 'bridge link set dev PORT hairpin on',
    broken: ['n1-p2'],
  },
  'the answer of a neighbour on the bridge does not pass connection tracking': {
    at: 'n1',
    run: 'sysctl -qw net.bridge.bridge-nf-call-iptables=0',
    fix: 'sysctl -qw net.bridge.bridge-nf-call-iptables=1',
    broken: ['n1-p1'],
  },
  'a rule drops what goes to one endpoint': {
    at: 'n1',
    run: 'iptables-nft -I FORWARD -d ENDPOINT -j DROP',
    fix: 'iptables-nft -D FORWARD -d ENDPOINT -j DROP',
    broken: ['n3-p1', 'n1-p1', 'n1-p2', 'n2-p1', 'n3'],
  },
};

describe('a service with an endpoint that does not work', () => {
  beforeAll(async () => {
    for (const node of lab.nodes) await load(node, {});
  });

  test.each(Object.entries(faults))('%s', async (_, {at, run, fix, broken}) => {
    const [one] = endpoints();
    const here = (script: string) => runIn(lab, at, script.replace('PORT', one!.veth).replace('ENDPOINT', one!.ip));
    expect(await here(run)).toMatchObject({code: 0});
    try {
      const from = senders.filter((s) => s !== (run.includes(' down') ? one!.name : ''));
      const {says, wrong} = await compare(service, 80, from);
      expect(wrong).toEqual([]);
      expect(from.filter((sender) => says[sender]!.startsWith('broken: way '))).toEqual(broken);
    } finally {
      expect(await here(fix)).toMatchObject({code: 0});
    }
  });

  test('one without endpoints, and a port that nobody serves', async () => {
    const none = await compare(empty, 80, ['n3-p1', 'n1']);
    expect(none.wrong).toEqual([]);
    expect(none.says['n3-p1']).toMatch(/^broken: n3 rejects it in FORWARD: .*has no endpoints/);
    const other = await compare(service, 81, ['n3-p1']);
    expect(other.wrong).toEqual([]);
    expect(other.says['n3-p1']).toBe(`broken: ${service} is a service address, and no rule made an endpoint's of it`);
    expect((await other.trace('n3-p1', service, 81)).to.kind).toBe('service');
  });

  test('a node port, of the own node and of another', async () => {
    const [n1, n2] = lab.nodes;
    for (const node of [n1!, n2!]) {
      const {says, wrong} = await compare(node.ip, 30_080, ['n3-p1', 'n1-p1', 'n1-p2', 'n3']);
      expect(wrong).toEqual([]);
      expect(new Set(Object.values(says))).toEqual(new Set(['reachable']));
    }
  });

  test('an endpoint that is a node itself, as of the API server', async () => {
    const api = '10.96.0.1';
    const [n1] = lab.nodes;
    const rule = `KUBE-SERVICES -d ${api}/32 -p tcp -m tcp --dport 443 -j DNAT --to-destination ${n1!.ip}:8080`;
    for (const node of lab.nodes) expect(await runIn(lab, node.name, `iptables-nft -t nat -I ${rule}`)).toMatchObject({code: 0});
    const trace = await traces();
    for (const from of ['n1', 'n1-p1', 'n3', 'n3-p1']) {
      expect([from, said(await trace(from, api, 443))]).toEqual([from, 'reachable']);
      expect([from, ...new Set(await connect(from, api, 443))]).toEqual([from, 'n1']);
    }
    expect(await runIn(lab, 'n1', 'iptables-nft -I INPUT -p tcp --dport 8080 -j DROP')).toMatchObject({code: 0});
    const dropping = await traces();
    for (const from of ['n1', 'n1-p1', 'n3-p1']) {
      expect(said(await dropping(from, api, 443))).toMatch(/^broken: n1 drops it in INPUT/);
      expect((await connect(from, api, 443)).every((answer) => answer.startsWith('! '))).toBe(true);
    }
    for (const node of lab.nodes) await load(node, {});
  });
});
