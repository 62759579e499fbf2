import {mkdirSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {batch, must, type Ran, run} from '../../src/edge/lab/shell.js';

/** Outputs of real tools on real devices go here when somebody wants to record them again: FLANCTL_RECORD=1, in the share of the machine. */
const records = process.env['FLANCTL_RECORD'] === undefined ? undefined : process.env['FLANCTL_VM_SHARE'];

export interface End {
  readonly netns: string;
  /** Address on the wire between the two, and what is behind it. */
  readonly ip: string;
  readonly ip6: string;
  readonly subnet: string;
  readonly subnet6: string;
  /** `SUB.0`, what flannel's devices have for address. */
  readonly base: string;
  readonly base6: string;
  readonly pod: string;
  readonly pod6: string;
}

const end = (name: string, n: number): End => ({
  netns: `fv-${name}-${n}`,
  ip: `192.168.77.1${n}`,
  ip6: `fd77::1${n}`,
  subnet: `10.244.${n}.0/24`,
  subnet6: `fd44:0:0:${n}::/64`,
  base: `10.244.${n}.0`,
  base6: `fd44:0:0:${n}::`,
  pod: `10.244.${n}.2`,
  pod6: `fd44:0:0:${n}::2`,
});

/** Two namespaces with a switch between; each with a pod's address, for which only a tunnel gives the other a way. */
export class TwoNodes {
  readonly name: string;
  readonly ends: readonly [End, End];
  /** The namespace with the switch between them: what goes over the wire is what is seen here. */
  readonly wire: string;

  constructor(name: string) {
    this.name = name;
    this.ends = [end(name, 1), end(name, 2)];
    this.wire = `fv-${name}-u`;
  }

  async up(): Promise<void> {
    await batch('ip', undefined, [
      `netns add ${this.wire}`,
      ...this.ends.flatMap(({netns}, i) => [
        `netns add ${netns}`,
        `link add eth0 netns ${netns} type veth peer name n${i + 1} netns ${this.wire}`,
      ]),
    ]);
    await batch('ip', this.wire, [
      'link add br0 type bridge stp_state 0 forward_delay 0 mcast_snooping 0',
      ...['n1', 'n2'].flatMap((port) => [`link set ${port} master br0`, `link set ${port} up`]),
      'link set br0 up',
    ]);
    for (const one of this.ends) {
      await batch('ip', one.netns, [
        'link set lo up',
        `addr add ${one.ip}/24 dev eth0`,
        `addr add ${one.ip6}/64 dev eth0 nodad`,
        `addr add ${one.pod}/32 dev lo`,
        `addr add ${one.pod6}/128 dev lo`,
        'link set eth0 up',
        'route add default via 192.168.77.254 dev eth0',
      ]);
    }
  }

  async down(): Promise<void> {
    await batch(
      'ip',
      undefined,
      [this.wire, ...this.ends.map(({netns}) => netns)].map((netns) => `netns del ${netns}`),
    );
  }

  /** Lines for `ip -batch` on each end, which is told of itself and of the other. */
  async both(lines: (self: End, peer: End) => readonly string[]): Promise<void> {
    const [a, b] = this.ends;
    await batch('ip', a.netns, lines(a, b));
    await batch('ip', b.netns, lines(b, a));
  }

  run(end: End, argv: readonly string[], input?: string): Promise<Ran> {
    return run(['ip', 'netns', 'exec', end.netns, ...argv], input === undefined ? {} : {input});
  }

  /**
   * Three pings from pod to pod, and what was seen meanwhile, in tcpdump's words: on the wire, and on the first node's own eth0, which is not
   * the same: what IPsec has decrypted passes there once more.
   */
  async ping(family: 4 | 6 = 4, what = ''): Promise<{readonly answered: boolean; readonly wire: string; readonly own: string}> {
    const [a, b] = this.ends;
    const [from, to] = family === 4 ? [a.pod, b.pod] : [a.pod6, b.pod6];
    const base = join(process.env['TMPDIR'] ?? '/tmp', `${this.name}${family}${what}`);
    const script = `
      listen() { ip netns exec $1 tcpdump --immediate-mode -i $2 -U -w $3 'ip or (ip6 and udp) or (ip6[6] = 58 and (ip6[40] = 128 or ip6[40] = 129))' 2>$3.log & }
      listen ${this.wire} n1 ${base}.wire; w=$!
      listen ${a.netns} eth0 ${base}.own; o=$!
      until grep -q listening ${base}.wire.log && grep -q listening ${base}.own.log; do sleep 0.1; done
      ip netns exec ${a.netns} ping -c 3 -i 0.2 -W 2 -I ${from} ${to}; rc=$?
      sleep 0.5; kill -INT $w $o; wait
      exit $rc`;
    const ran = await run(['sh', '-c', script]);
    const [wire = '', own = ''] = await Promise.all(
      ['wire', 'own'].map(async (where) => {
        const text = await must(['tcpdump', '-n', '-v', '-t', '-r', `${base}.${where}`]);
        this.record(`${where}${family}${what}.txt`, text);
        if (records !== undefined) await must(['cp', `${base}.${where}`, join(records, this.name, `${where}${family}${what}.pcap`)]);
        return text;
      }),
    );
    return {answered: ran.code === 0, wire, own};
  }

  /** A script of the first end, and what went over the wire meanwhile, in tcpdump's words. */
  async during(script: string): Promise<Ran & {readonly wire: string}> {
    const file = join(process.env['TMPDIR'] ?? '/tmp', `${this.name}.during`);
    const watched = `
      ip netns exec ${this.wire} tcpdump --immediate-mode -i n1 -U -w ${file} ip 2>${file}.log & w=$!
      until grep -q listening ${file}.log; do sleep 0.1; done
      ip netns exec ${this.ends[0].netns} sh -c "$1"; rc=$?
      sleep 0.5; kill -INT $w; wait
      exit $rc`;
    const ran = await run(['sh', '-c', watched, 'sh', script]);
    return {...ran, wire: await must(['tcpdump', '-n', '-v', '-t', '-r', file])};
  }

  record(file: string, text: string): void {
    if (records === undefined) return;
    mkdirSync(join(records, this.name), {recursive: true});
    writeFileSync(join(records, this.name, file), text);
  }

  /** The tables of the first end as the tools print them. */
  async recordTables(): Promise<void> {
    if (records === undefined) return;
    const asked: {readonly [file: string]: readonly string[]} = {
      'ip-link.json': ['ip', '-j', '-d', 'link', 'show'],
      'ip-link.txt': ['ip', '-d', 'link', 'show'],
      'ip-addr.json': ['ip', '-j', 'addr', 'show'],
      'ip-route-all.json': ['ip', '-j', '-4', '-d', 'route', 'show', 'table', 'all'],
      'ip-route-all.txt': ['ip', '-4', '-d', 'route', 'show', 'table', 'all'],
      'ip-6-route-all.json': ['ip', '-j', '-6', '-d', 'route', 'show', 'table', 'all'],
      'ip-neigh.json': ['ip', '-j', '-4', 'neigh', 'show'],
      'ip-xfrm-policy.txt': ['ip', 'xfrm', 'policy', 'list'],
      'ip-xfrm-policy-j.txt': ['ip', '-j', 'xfrm', 'policy', 'list'],
      'ip-xfrm-state.txt': ['ip', 'xfrm', 'state', 'list', 'nokeys'],
      'wg-show.txt': ['wg', 'show', 'all', 'dump'],
      'ss-udp.txt': ['ss', '-lunpH'],
    };
    for (const [file, argv] of Object.entries(asked)) {
      const {stdout} = await this.run(this.ends[0], argv);
      if (stdout.trim() !== '') this.record(file, file === 'wg-show.txt' ? withoutKeys(stdout) : stdout);
    }
    const script = join(import.meta.dirname, '../../src/edge/gather/script.sh');
    this.record('dump.txt', (await this.run(this.ends[0], ['sh', script])).stdout);
  }
}

/** As flanctl's own gathering hides them. */
const withoutKeys = (dump: string): string =>
  dump
    .split('\n')
    .map((line) => line.split('\t'))
    .map((words) => {
      const at = words.length === 5 ? 1 : words.length === 9 ? 2 : -1;
      return words.map((word, i) => (i === at && word !== '(none)' ? '(hidden)' : word)).join('\t');
    })
    .join('\n');
