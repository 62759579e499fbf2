import {mkdir, readFile, writeFile} from 'node:fs/promises';
import type {Ip} from '../../../core/net/address.js';
import {greRelay} from '../relay/gre.js';
import {startRelay} from '../relay/parts.js';
import {batch, must} from '../shell.js';
import type {Lab} from '../topology.js';

/** A physical host of the cloud: the machines on it have their cables into its namespace. */
export interface LabHost {
  /** What `lab exec` calls it: host1. */
  readonly name: string;
  readonly netns: string;
  /** Where there is another: its own address on the wire between them, and the other's. */
  readonly wire?: {readonly own: Ip; readonly other: Ip};
  /** The process that puts packets for the other host into GRE, once it runs; look at it only through `alive`. */
  readonly pid?: number;
}

/** The network between hosts, which nothing in the VPC has, the device of the cable in it, and that of packets for the other host. */
export const underlayNetwork = '198.18.0.0/30';
export const wireDev = 'wire';
export const greDev = 'gre1';

/** Of the VPC, as the seed's route table has it: the key of its packets. */
const vpcKey = 100;
/** GRE with a key, and the IP header around it: what the wire takes beyond a packet, bytes. */
const overhead = 28;

/** The hosts of a lab: one, which is its fabric whole, or two. */
export function hostsOf(name: string, count: number): readonly LabHost[] {
  const first = {name: 'host1', netns: `fl-${name}-u`};
  if (count === 1) return [first];
  const [one, two] = ['198.18.0.1', '198.18.0.2'] as const;
  return [
    {...first, wire: {own: one, other: two}},
    {name: 'host2', netns: `fl-${name}-u2`, wire: {own: two, other: one}},
  ];
}

/** Lays the wire between two hosts. */
export async function layWire({cloud, spec}: Lab, signal: AbortSignal | undefined): Promise<void> {
  const [one, two] = cloud!.hosts;
  if (two === undefined) return;
  const mtu = spec.mtu + overhead;
  await batch('ip', one!.netns, [`link add ${wireDev} mtu ${mtu} type veth peer name ${wireDev} mtu ${mtu} netns ${two.netns}`], signal);
  for (const {netns, wire} of cloud!.hosts)
    await batch('ip', netns, [`addr add ${wire!.own}/30 dev ${wireDev}`, `link set dev ${wireDev} up`], signal);
}

/** Starts what carries a host's packets to the other one, as long as the host is there; the host with its pid. */
export async function startGre(lab: Lab, host: LabHost, signal: AbortSignal | undefined): Promise<LabHost> {
  if (host.wire === undefined) return host;
  const folder = `${lab.dir}/hosts/${host.name}`;
  await mkdir(folder, {recursive: true});
  await writeFile(`${folder}/gre.py`, greRelay);
  const ready = `${folder}/ready`;
  const words = [`${folder}/gre.py`, greDev, host.wire.own, host.wire.other, String(vpcKey), ready];
  const lines = [
    startRelay(words, {ready, log: `${folder}/log`}),
    // The gateways have the same addresses on both: what one says of a packet may be for a machine on the other.
    `echo 1 > /proc/sys/net/ipv4/conf/${greDev}/accept_local`,
    `ip link set dev ${greDev} mtu ${lab.spec.mtu} up`,
  ];
  await must(['nsenter', `--net=/run/netns/${host.netns}`, 'sh', '-s'], {input: `set -e\n${lines.join('\n')}\n`, ...(signal && {signal})});
  return {...host, pid: Number((await readFile(ready, 'utf8')).trim())};
}
