import {setMaxListeners} from 'node:events';
import pMap from 'p-map';
import type {Family, Ip} from '../../core/net/address.js';
import {Failure} from '../../failure.js';
import {tosOf, waysOf} from './cloud/fabric.js';
import {readFabric} from './cloud/fabric-state.js';
import {runIn} from './exec.js';
import {podMtu} from './links.js';
import {expectedOn} from './provision.js';
import {type Lab, type LabNode, outside} from './topology.js';

export interface PingPair {
  readonly from: string;
  /** A pod, a cloud's `vm`, or `outside`: an address beyond the router, which answers only what was masqueraded. */
  readonly to: string;
  readonly family: Family;
  /** 56 bytes of data came back. */
  readonly small: boolean;
  /** The largest packet that the sender's MTU and the mode promise, sent whole (DF), came back. */
  readonly large: boolean;
}

export interface PingResult {
  readonly ok: boolean;
  readonly pairs: readonly PingPair[];
}

export interface PingOptions {
  /** Nodes send too, beside the pods. */
  readonly nodes?: boolean;
  /** One try only: quick where losses are expected, and then a busy machine may add some. */
  readonly once?: boolean;
  /** Only these: to ask again what did not answer. */
  readonly only?: readonly Pick<PingPair, 'from' | 'to' | 'family'>[];
  readonly signal?: AbortSignal;
}

/** A hundred pods must not be ten thousand processes: their answers would come too late to count. */
const SENDERS_AT_ONCE = 8;

/** Pings under way at once in one sender. */
const AT_ONCE = 32;

/** No limit but the sender's MTU: the largest IP packet, bytes. */
const ANY_SIZE = 65_535;

/**
 * Pings from every pod, and in a cloud its VM, to every other and to the outside, with a small packet and with the largest, each once more when it fails, since
 * the first packet may wait for neighbour resolution. Takes a second or two when something is broken. Where rows of a cloud share packets, each
 * row must bring an answer.
 * @throws Failure when a sender could not be asked: that is not the same as no answer.
 */
export async function labPing(lab: Lab, {nodes = false, once = false, only, signal}: PingOptions = {}): Promise<PingResult> {
  const wanted = only && new Set(only.map(({from, to, family}) => `${from} ${to} ${family}`));
  const senders: readonly Sender[] = [
    ...lab.nodes.flatMap((node) => [...(nodes ? [{node, name: node.name}] : []), ...node.pods.map((pod) => ({node, name: pod.name}))]),
    ...(lab.cloud ? [{name: lab.cloud.vm.name}] : []),
  ];
  if (signal) setMaxListeners(0, signal);
  const ways = lab.cloud ? waysOf(await readFabric(lab)) : [];
  const ask = async ({node, name}: Sender): Promise<PingPair[]> => {
    const targets = targetsOf(lab, node, name).filter(({to, family}) => wanted?.has(`${name} ${to} ${family}`) ?? true);
    return targets.length === 0 ? [] : pingFrom(lab, name, targets, {once, ways}, signal);
  };
  const pairs = (await pMap(senders, ask, {concurrency: SENDERS_AT_ONCE})).flat();
  return {ok: pairs.every((pair) => pair.small && pair.large), pairs};
}

interface Sender {
  readonly name: string;
  /** Absent of a machine that is no node. */
  readonly node?: LabNode;
}

interface How {
  readonly once: boolean;
  /** Of rows of a cloud that share packets: their numbers. */
  readonly ways: readonly number[];
}

interface Target {
  readonly to: string;
  readonly family: Family;
  readonly address: Ip;
  /** What the way takes at most, bytes, where that is less than the sender's MTU. */
  readonly limit: number;
}

async function pingFrom(
  lab: Lab,
  from: string,
  targets: readonly Target[],
  how: How,
  signal: AbortSignal | undefined,
): Promise<PingPair[]> {
  const ran = await runIn(lab, from, scriptFor(targets, how), signal ? {signal} : {});
  const answers = new Map(ran.stdout.split('\n').map((line) => [line.slice(0, -2), line.endsWith(' y')]));
  return targets.map(({to, family}, index) => {
    const [small, large] = [answers.get(`${index} small`), answers.get(`${index} large`)];
    if (small === undefined || large === undefined)
      throw new Failure(`cannot ping from ${from}: ${ran.stderr.trim() || `exit ${ran.code}`}`);
    return {from, to, family, small, large};
  });
}

function targetsOf(lab: Lab, node: LabNode | undefined, from: string): readonly Target[] {
  const pods = lab.nodes.flatMap((other) => other.pods.filter((pod) => pod.name !== from).map((pod) => ({other, pod})));
  const families: readonly Family[] = lab.spec.dualStack ? [4, 6] : [4];
  return families.flatMap((family) => [
    ...pods.map(({other, pod}) => ({
      to: pod.name,
      family,
      address: family === 4 ? pod.ip : pod.ip6!,
      limit: node === undefined ? ANY_SIZE : limitOf(lab, node, other, family, from === node.name ? 'node' : 'pod'),
    })),
    ...(lab.cloud && from !== lab.cloud.vm.name ? [{to: lab.cloud.vm.name, family, address: lab.cloud.vm.ip, limit: ANY_SIZE}] : []),
    {to: 'outside', family, address: family === 4 ? outside.ip : outside.ip6, limit: ANY_SIZE},
  ]);
}

/**
 * What the way takes, where the sender's MTU does not say it. flanneld gives pods the IPv4 tunnel's MTU, but the IPv6 tunnel takes 20 bytes less
 * (model/flannel-backends.md §2.1): a sender learns that from "packet too big", and a healthy lab must not be called broken for it. A node's own
 * MTU is its card's. In all else a pod's MTU is a promise, so a wrong one shows.
 */
function limitOf(lab: Lab, node: LabNode, other: LabNode, family: Family, sender: 'node' | 'pod'): number {
  if (other === node) return sender === 'node' ? podMtu(lab) : ANY_SIZE;
  const {route, link} = expectedOn(lab, node);
  const dev = route.find((want) => want.family === family && want.peer === other.name)?.row.dev;
  const tunnel = link.find((want) => want.row.ifname === dev)?.row.mtu ?? ANY_SIZE;
  if (sender === 'node') return Math.min(tunnel, podMtu(lab));
  return family === 6 ? tunnel : ANY_SIZE;
}

function scriptFor(targets: readonly Target[], {once, ways}: How): string {
  // The second try is patient: a busy machine may take its time, and that is no broken path.
  const ask = (tos: string) =>
    `{ ping -n -q -c 1 -W 1${tos} "$@"${once ? '' : ` || ping -n -q -c 2 -i 0.5 -W 2${tos} "$@"`}; } >/dev/null 2>&1`;
  const asks = ways.length === 0 ? [ask('')] : ways.map((way) => ask(` -Q ${tosOf(way)}`));
  const lines = targets.flatMap(({family, address, limit}, index) => {
    // IP and ICMP headers.
    const headers = family === 4 ? 28 : 48;
    return [
      `try "${index} small" -${family} -s 56 ${address} &`,
      `try "${index} large" -${family} -M do -s $((${limit} < mtu ? ${limit} - ${headers} : mtu - ${headers})) ${address} &`,
      ...(index % (AT_ONCE / 2) === AT_ONCE / 2 - 1 ? ['wait'] : []),
    ];
  });
  return `# A path MTU learnt while something was broken stays for ten minutes; it says nothing of now.
ip route flush cache
ip -6 route flush cache 2>/dev/null
read -r mtu < /sys/class/net/eth0/mtu || exit 1
command -v ping >/dev/null || { echo 'ping: not found' >&2; exit 127; }
try() {
  name=$1
  shift
  if ${asks.join(' && ')}; then echo "$name y"; else echo "$name n"; fi
}
${lines.join('\n')}
wait
`;
}
