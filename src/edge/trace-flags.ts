import {Flags} from '@oclif/core';
import {withEnv} from '../base-command.js';
import {kubernetesName} from '../core/path/recorded-end.js';
import type {RecordWish} from './sources/open-records.js';
import type {Wish} from './trace.js';

/** The packet that a trace asks about, and whether it is sent. */
export const packetFlags = withEnv({
  proto: Flags.option({summary: 'protocol', options: ['icmp', 'tcp', 'udp'] as const, default: 'icmp'})(),
  port: Flags.integer({summary: 'destination port, for tcp and udp (80 unless told)', min: 1, max: 65_535}),
  size: Flags.integer({
    summary: 'bytes of the IP packet, sent with DF; a small echo unless told',
    min: 28,
    max: 65_535,
    exclusive: ['mtu'],
  }),
  mtu: Flags.boolean({summary: "as large as the sender's own device takes"}),
  family: Flags.option({summary: 'address family, where both ends have two', options: ['4', '6'] as const})(),
  probe: Flags.boolean({
    summary: 'also send it, from inside the sender, and compare: small, and the largest that fits',
    exclusive: ['all-pairs'],
  }),
  capture: Flags.boolean({summary: 'as --probe, and watch every device on the way (tcpdump on the nodes)', exclusive: ['all-pairs']}),
  pcap: Flags.string({summary: 'with --capture: all that was seen, as one pcapng file', helpValue: 'FILE', dependsOn: ['capture']}),
});

export interface PacketFlags {
  readonly proto: Wish['proto'];
  readonly port?: number | undefined;
  readonly size?: number | undefined;
  readonly mtu: boolean;
}

export const wishOf = ({proto, port, size, mtu}: PacketFlags, family: 4 | 6 | undefined): Wish => ({
  proto,
  port,
  size: mtu ? 'largest' : size,
  family,
});

/** What must be asked of the API server to know these ends. */
export function wishedOf(ends: readonly (string | undefined)[]): RecordWish {
  const names = ends.map((end) => kubernetesName(end ?? ''));
  const [pods, services] = [new Set(names.flatMap((n) => n.pod ?? [])), new Set(names.flatMap((n) => n.service ?? []))];
  return {...(pods.size > 0 && {pods: [...pods]}), ...(services.size > 0 && {services: [...services]})};
}
