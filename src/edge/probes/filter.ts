import {numberOf} from '../../core/net/address.js';
import type {Form} from '../../core/path/tap.js';
import type {Carriers} from './carriers.js';
import {type Flow, formsOf} from './flow.js';

/** Filters in pcap-filter(7)'s language, made of addresses and numbers only. There `and` binds no closer than `or`. */

/** IP protocol numbers; errors in ICMP are answers too. */
const protocols = {icmp: {4: [1], 6: [58]}, udp: {4: [17, 1], 6: [17, 58]}, tcp: {4: [6], 6: [6]}} as const;

const either = (parts: readonly string[]): string => (parts.length === 1 ? parts[0]! : `(${parts.join(' or ')})`);

/** The flow's packets as they are, both ways. */
const plain = (form: Form, flow: Flow): string => {
  const {family, src, dst} = form;
  const proto = either(protocols[flow.proto][family].map((n) => `${family === 4 ? 'ip' : 'ip6'} proto ${n}`));
  const hosts = `((src host ${src} and dst host ${dst}) or (src host ${dst} and dst host ${src}))`;
  const ports = flow.proto === 'icmp' ? '' : ` and (port ${flow.port} or ${family === 4 ? 'icmp' : 'icmp6'})`;
  return `(${hosts} and ${proto}${ports})`;
};

/** From the UDP header: its 8 bytes, VXLAN's 8, Ethernet's 14. */
const IN_VXLAN = 30;

/** Reads bytes of a packet at an offset from where its tunnel's header begins. */
type At = (offset: number, bytes: 1 | 2 | 4) => string;

/** An inner IP header at this offset that is the flow's: the outer addresses may be wrong. */
function header({family, src, dst}: Form, flow: Flow, at: At, start: number): string {
  const [source, target, protocol] = family === 4 ? [start + 12, start + 16, start + 9] : [start + 8, start + 24, start + 6];
  const address = (offset: number, text: string): string =>
    words(text, family)
      .map((word, i) => `${at(offset + i * 4, 4)} = ${word}`)
      .join(' and ');
  const pair = (a: string, b: string): string => `${address(source, a)} and ${address(target, b)}`;
  const proto = either(protocols[flow.proto][family].map((n) => `${at(protocol, 1)} = ${n}`));
  return `${proto} and ((${pair(src, dst)}) or (${pair(dst, src)}))`;
}

/** libpcap does not find UDP's header behind an IPv6 one. */
const udpAt =
  (outer: 4 | 6): At =>
  (offset, bytes) =>
    outer === 4 ? `udp[${offset}:${bytes}]` : `ip6[${40 + offset}:${bytes}]`;

/** The flow's packets inside VXLAN. */
function inVxlan(form: Form, flow: Flow, outer: 4 | 6, port: number): string {
  const at = udpAt(outer);
  const udp = outer === 4 ? `udp dst port ${port}` : `ip6 proto 17 and ${at(2, 2)} = ${port}`;
  return `(${udp} and ${at(28, 2)} = ${form.family === 4 ? '0x0800' : '0x86dd'} and ${header(form, flow, at, IN_VXLAN)})`;
}

/** The flow's packets inside what carries IPv4 packets alone. */
function inIPv4(form: Form, flow: Flow, {udp, ipip}: Carriers): readonly string[] {
  if (form.family === 6) return [];
  const behind: At = (offset, bytes) => `ip[${20 + offset}:${bytes}]`;
  return [
    ...udp.map((port) => `(udp dst port ${port} and ${header(form, flow, udpAt(4), 8)})`),
    ...(ipip ? [`(ip proto 4 and ${header(form, flow, behind, 0)})`] : []),
  ];
}

/** Encrypted packets of these tunnels, whatever they carry. */
const sealed = ({sealed: tunnels}: Carriers): readonly string[] =>
  tunnels.map(({family, src, dst, port}) => {
    const hosts = `src host ${src} and dst host ${dst}`;
    return `(${hosts} and ${port === undefined ? `${family === 4 ? 'ip' : 'ip6'} proto 50` : `udp dst port ${port}`})`;
  });

function words(address: string, family: 4 | 6): readonly string[] {
  const number = numberOf(address);
  return Array.from(
    {length: family === 4 ? 1 : 4},
    (_, i, n = family === 4 ? 0 : 3 - i) => `0x${((number >> BigInt(n * 32)) & 0xffff_ffffn).toString(16)}`,
  );
}

/** What a capture at one device lets through: the packets of these flows, as they are and, where tunnels leave the node, inside them. */
export function filterOf(flows: readonly Flow[], carriers: Carriers): string {
  const parts = flows.flatMap((flow) =>
    formsOf(flow).flatMap((form) => [
      plain(form, flow),
      ...carriers.vxlan.flatMap((port) => [inVxlan(form, flow, 4, port), inVxlan(form, flow, 6, port)]),
      ...inIPv4(form, flow, carriers),
    ]),
  );
  return [...new Set([...parts, ...sealed(carriers)])].join(' or ');
}
