import {spawnSync} from 'node:child_process';
import type {Query} from '../../src/core/forwarding/lookup.js';
import {readNode} from '../../src/core/model/read-node.js';
import type {Family} from '../../src/core/net/address.js';
import type {NodeState} from '../../src/core/node/state.js';
import {devices, type World} from './forwarding-world.js';

/** The kernel adds the local route of an IPv6 address a moment after the address. */
const settled = `n=0
while [ $n -lt 100 ] && [ "$(ip -6 -o addr show | wc -l)" != "$(ip -6 route show table local type local | wc -l)" ]; do
  n=$((n + 1)); sleep 0.01
done`;

/** One namespace of the real kernel, in which worlds are set up, read back as from any node, and asked about. */
export class Namespace {
  readonly name: string;
  readonly family: Family;

  constructor(name: string, family: Family) {
    this.name = name;
    this.family = family;
  }

  #run(args: readonly string[], input: string) {
    const {status, stdout, stderr} = spawnSync('ip', ['netns', 'exec', this.name, ...args], {encoding: 'utf8', input, maxBuffer: 1 << 28});
    if (status === null) throw new Error(`${args.join(' ')} did not end: ${stderr}`);
    return {stdout, stderr};
  }

  make(): void {
    spawnSync('ip', ['netns', 'del', this.name]);
    spawnSync('ip', ['netns', 'add', this.name]);
    // No addresses of the kernel's own, which would come and go while it is asked.
    this.#run(['sh'], 'echo 1 >/proc/sys/net/ipv6/conf/default/addr_gen_mode; echo 0 >/proc/sys/net/ipv6/conf/default/accept_dad');
    const lines = devices.flatMap((dev) => [
      `link add ${dev} type veth peer name ${dev}-peer`,
      ...(dev === 'd4' ? [] : [`link set ${dev}-peer up`]),
      `link set ${dev} up`,
    ]);
    const {stderr} = this.#run(['ip', '-batch', '-'], `${['link set lo up', ...lines].join('\n')}\n`);
    if (stderr !== '') throw new Error(stderr);
  }

  end(): void {
    spawnSync('ip', ['netns', 'del', this.name]);
  }

  /** Sets the world up and reads what is there in the end. */
  become({setup, sysctls}: World): NodeState {
    const f = this.family;
    const mark = '----';
    const commands: readonly (readonly [section: string, command: string])[] = [
      ['ip-link', 'ip -j -d link show'],
      ['ip-addr', 'ip -j addr show'],
      [f === 4 ? 'ip-route-all' : 'ip-6-route-all', `ip -j -d -${f} route show table all`],
      [f === 4 ? 'ip-rule' : 'ip-6-rule', `ip -j -${f} rule show`],
      [f === 4 ? 'ip-neigh' : 'ip-6-neigh', `ip -j -${f} neigh show`],
      ['ip-nexthop', 'ip -j nexthop show'],
      ['sysctl', `cd /proc/sys && grep -s . net/ipv${f}/conf/*/* | sed s/:/=/`],
    ];
    const script = [
      // First: a route made under other parameters keeps the shares of its legs and the source address reckoned then.
      ...sysctls.map(([path, value]) => `echo ${value} >/proc/sys/${path}`),
      `ip -${f} -force -batch - >/dev/null 2>&1 <<'EOF'`,
      ...setup,
      'EOF',
      ...(f === 4 ? [] : [settled]),
      ...commands.flatMap(([, command]) => [command, `echo; echo ${mark}`]),
    ].join('\n');
    const {stdout, stderr} = this.#run(['sh'], script);
    if (stderr !== '') throw new Error(stderr);
    const out = stdout.split(`${mark}\n`);
    const state = readNode({
      node: 'n',
      via: 'test',
      sections: commands.map(([name, command], i) => ({name, command, rc: 0, out: (out[i] ?? '').trim()})),
    });
    if (state.gaps.length > 0) throw new Error(JSON.stringify(state.gaps));
    return state;
  }

  /** One answer a query: the line that `ip route get` prints, or `error` and why. */
  ask(queries: readonly Query[], ...words: readonly string[]): readonly string[] {
    const lines = queries.map((query) => `${commandOf(query, words)}\n`).join('');
    const {stdout, stderr} = this.#run(['ip', `-${this.family}`, '-d', '-o', '-force', '-batch', '-'], lines);
    const errors = new Map<number, string>();
    let said = '';
    for (const text of stderr.split('\n')) {
      const failed = /^Command failed -:(\d+)/.exec(text);
      if (failed) errors.set(Number(failed[1]), said);
      else if (text !== '') said = text;
    }
    // The details of a next hop object come on a line of their own, `-o` or not.
    const found = stdout.split('\n').filter((l) => l.trim() !== '' && !/^\s*nh_info/.test(l));
    const answers = queries.map((_, i) => (errors.has(i + 1) ? `error ${errors.get(i + 1)}` : (found.shift() ?? 'nothing')));
    if (found.length > 0) throw new Error(`more answers than questions: ${found[0]}`);
    return answers;
  }
}

/** The query as `ip` takes it. */
export const commandOf = ({dst, src, iif, oif, mark, tos, uid, ipproto, sport, dport}: Query, words: readonly string[] = []): string =>
  [
    'route get',
    ...words,
    dst,
    ...(src === undefined ? [] : ['from', src]),
    ...(tos ? ['tos', `0x${tos.toString(16)}`] : []),
    ...(iif === undefined ? [] : ['iif', iif]),
    ...(oif === undefined ? [] : ['oif', oif]),
    ...(mark ? ['mark', mark] : []),
    ...(uid === undefined ? [] : ['uid', uid]),
    ...(ipproto === undefined ? [] : ['ipproto', ipproto]),
    // ICMP has none, which the kernel takes for 0.
    ...(sport ? ['sport', sport] : []),
    ...(dport ? ['dport', dport] : []),
  ].join(' ');
