import {type ChildProcess, execFileSync, spawn} from 'node:child_process';
import {join} from 'node:path';
import {createInterface} from 'node:readline';
import type {Family, Ip} from '../../src/core/net/address.js';
import {build, type Datagram, framed, type Heard, parse, unframed} from './frame.js';

export type Place = 'a' | 'b' | 'f';

/** What is behind each device of the router, and the router's own addresses. */
export const addresses: {
  readonly [F in Family]: {
    readonly a: readonly Ip[];
    readonly b: readonly Ip[];
    readonly own: {readonly cni0: Ip; readonly 'flannel.1': Ip};
  };
} = {
  4: {
    a: ['10.244.1.2', '10.244.1.77', '10.9.0.5', '10.244.1.5'],
    b: ['10.244.2.2', '10.244.3.3', '192.168.50.1', '10.244.2.7'],
    own: {cni0: '10.255.1.1', 'flannel.1': '10.255.2.1'},
  },
  6: {
    a: ['fd44:0:0:1::2', 'fd44:0:0:1::77', 'fd09::5'],
    b: ['fd44:0:0:2::2', 'fd44:0:0:3::3', '2001:db8::1'],
    own: {cni0: 'fd55:1::1', 'flannel.1': 'fd55:2::1'},
  },
};

export interface Sending {
  readonly from: Place;
  readonly mark: number;
  readonly packet: Datagram;
}

export interface Wire {
  /** Runs a shell command on the router. */
  readonly router: (command: string, input?: string) => string;
  /** Sends all and answers what came out where, once it is quiet for that many seconds. Afresh: connections of before are forgotten first. */
  readonly exchange: (sent: readonly Sending[], quiet: number, afresh: boolean) => Promise<readonly (Heard & {readonly at: Place})[]>;
  readonly close: () => void;
}

const macs = {a: '02:00:00:00:01:0a', b: '02:00:00:00:01:0b', cni0: '02:00:00:00:02:0a', 'flannel.1': '02:00:00:00:02:0b'};

/** A router between two wires: `cni0` towards a, `flannel.1` towards b. The ends have no addresses, so that nobody but the test answers. */
export function stretch(name: string): Wire {
  const [a, f, b] = [`${name}a`, `${name}f`, `${name}b`];
  const shell = (ns: string, command: string, input = '') =>
    execFileSync('ip', ['netns', 'exec', ns, 'sh', '-c', command], {
      encoding: 'utf8',
      input,
      stdio: ['pipe', 'pipe', 'pipe'],
      maxBuffer: 2 ** 28,
    });
  let child: ChildProcess | undefined;
  const close = () => {
    child?.kill();
    for (const ns of [a, f, b]) {
      try {
        execFileSync('ip', ['netns', 'del', ns], {stdio: 'ignore'});
      } catch {
        // It was not made.
      }
    }
  };
  try {
    for (const ns of [a, f, b]) execFileSync('ip', ['netns', 'add', ns]);
    for (const ns of [a, b]) shell(ns, 'sysctl -qw net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1');
    const side = (dev: 'cni0' | 'flannel.1', place: 'a' | 'b', ns: string) => {
      shell(f, `ip link add ${dev} address ${macs[dev]} type veth peer name eth0 address ${macs[place]} netns ${ns}`);
      shell(ns, 'ip link set eth0 up');
      const lines = ([4, 6] as const).flatMap((family) => {
        const gateway = family === 4 ? `${addresses[4].own[dev].slice(0, -1)}250` : `${addresses[6].own[dev]}250`;
        return [
          `ip -${family} addr add ${addresses[family].own[dev]}/${family === 4 ? '24' : '64 nodad'} dev ${dev}`,
          `ip link set ${dev} up`,
          `ip -${family} neigh replace ${gateway} lladdr ${macs[place]} dev ${dev} nud permanent`,
          ...addresses[family][place].map((to) => `ip -${family} route add ${to} via ${gateway} dev ${dev}`),
        ];
      });
      shell(f, `sysctl -qw net.ipv4.conf.${dev.replace('.', '/')}.rp_filter=0 net.ipv4.conf.${dev.replace('.', '/')}.send_redirects=0`);
      shell(f, lines.join('\n'));
    };
    shell(
      f,
      `sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1 net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.all.send_redirects=0 \
      net.ipv4.icmp_ratelimit=0 net.ipv6.icmp.ratelimit=0 net.ipv4.conf.default.rp_filter=0; ip link set lo up
      sysctl -qw net.ipv4.icmp_msgs_per_sec=1000000 net.ipv4.icmp_msgs_burst=100000 2>/dev/null || true`,
    );
    side('cni0', 'a', a);
    side('flannel.1', 'b', b);
    // Answers that a rule leaves untranslated go where somebody listens.
    for (const to of ['10.255.2.98', '10.255.2.99', 'fd55:2::98', 'fd55:2::99'])
      shell(f, `ip neigh replace ${to} lladdr ${macs.b} dev flannel.1 nud permanent`);
    // Service addresses that no rule translates lead somewhere, too.
    shell(f, 'ip route add 10.96.0.0/12 via 10.255.2.250 dev flannel.1');
    child = spawn('python3', [join(import.meta.dirname, 'wire.py'), a, f, b], {stdio: ['pipe', 'pipe', 'inherit']});
  } catch (error) {
    close();
    throw error;
  }
  const answers = createInterface({input: child.stdout as NodeJS.ReadableStream})[Symbol.asyncIterator]();
  const bytes = ({from, packet}: Sending) => {
    const ip = build(packet);
    return (from === 'f' ? ip : from === 'a' ? framed(ip, macs.a, macs.cni0) : framed(ip, macs.b, macs['flannel.1'])).toString('hex');
  };
  return {
    router: (command, input) => shell(f, command, input),
    close,
    exchange: async (sent, quiet, afresh) => {
      child.stdin?.write(`${JSON.stringify({afresh, send: sent.map((one) => [one.from, one.mark, bytes(one)]), quiet})}\n`);
      const answer = await answers.next();
      if (answer.done === true) throw new Error('wire.py ended');
      return (JSON.parse(answer.value) as readonly (readonly [Place, string])[]).flatMap(([at, hex]) => {
        const raw = Buffer.from(hex, 'hex');
        const packet = at === 'f' ? raw : unframed(raw);
        const heard = packet && parse(packet);
        return heard ? [{...heard, at}] : [];
      });
    },
  };
}
