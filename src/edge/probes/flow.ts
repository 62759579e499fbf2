import {type Form, tapsOf} from '../../core/path/tap.js';
import type {Traced} from '../trace.js';

/** One packet that is sent, beside the walk that says what becomes of it. */
export interface Flow {
  /** `small`, `asked` (--size, --mtu), `largest` (that fits) or `over` (larger than fits). */
  readonly name: 'small' | 'asked' | 'largest' | 'over';
  readonly traced: Traced;
  readonly proto: 'tcp' | 'udp' | 'icmp';
  readonly port: number;
  /** Source port, where the sending tool can choose it; 0 for icmp. */
  readonly sport: number;
  /** 32 hexadecimal digits that the payload carries, as bytes or as text. */
  readonly marker: string;
}

/** Bytes of IP and transport headers, without options. */
export const headersOf = ({traced, proto}: Pick<Flow, 'traced' | 'proto'>): number =>
  (traced.family === 4 ? 20 : 40) + (proto === 'tcp' ? 20 : 8);

/** The IP packet that opens a TCP connection: Linux sends 20 bytes of options with it. */
export const synSize = {4: 60, 6: 80} as const;

/** The packet as its sender makes it; undefined where the routes choose the source and there is none. */
export function formOf({traced}: Flow): Form | undefined {
  const {from, to, family} = traced;
  const src = from.kind === 'node' ? tapsOf(traced.there)[0]?.tap.packet.src : from.addresses[family];
  const dst = to.addresses[family];
  return src === undefined || dst === undefined ? undefined : {family, src, dst};
}

/** Every pair of addresses the flow has somewhere, NAT included, in the direction of its first packet. */
export function formsOf(flow: Flow): readonly Form[] {
  const original = formOf(flow);
  const there = tapsOf(flow.traced.there).map(({tap}) => tap.packet);
  const back = flow.traced.back ? tapsOf(flow.traced.back).map(({tap}) => turned(tap.packet)) : [];
  const all = [...(original ? [original] : []), ...there, ...back];
  return [...new Map(all.map((form) => [`${form.src} ${form.dst}`, form])).values()];
}

export const turned = ({family, src, dst}: Form): Form => ({family, src: dst, dst: src});
