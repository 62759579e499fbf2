import {numberOf} from '../../core/net/address.js';
import type {Form} from '../../core/path/tap.js';
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
const INNER = 30;

/** The flow's packets inside VXLAN, recognised by the addresses in the inner header: the outer ones may be wrong. */
function inside(form: Form, flow: Flow, outer: 4 | 6, port: number): string {
  const {family, src, dst} = form;
  // libpcap does not find UDP's header behind an IPv6 one.
  const at = (offset: number, bytes: number): string => (outer === 4 ? `udp[${offset}:${bytes}]` : `ip6[${40 + offset}:${bytes}]`);
  const [source, target, protocol] = family === 4 ? [INNER + 12, INNER + 16, INNER + 9] : [INNER + 8, INNER + 24, INNER + 6];
  const address = (offset: number, text: string): string =>
    words(text, family)
      .map((word, i) => `${at(offset + i * 4, 4)} = ${word}`)
      .join(' and ');
  const pair = (a: string, b: string): string => `${address(source, a)} and ${address(target, b)}`;
  const proto = either(protocols[flow.proto][family].map((n) => `${at(protocol, 1)} = ${n}`));
  const udp = outer === 4 ? `udp dst port ${port}` : `ip6 proto 17 and ${at(2, 2)} = ${port}`;
  return `(${udp} and ${at(28, 2)} = ${family === 4 ? '0x0800' : '0x86dd'} and ${proto} and ((${pair(src, dst)}) or (${pair(dst, src)})))`;
}

function words(address: string, family: 4 | 6): readonly string[] {
  const number = numberOf(address);
  return Array.from(
    {length: family === 4 ? 1 : 4},
    (_, i, n = family === 4 ? 0 : 3 - i) => `0x${((number >> BigInt(n * 32)) & 0xffff_ffffn).toString(16)}`,
  );
}

/**
 * What a capture at one device lets through: the packets of these flows, as they are and, where tunnels leave the node, inside VXLAN to one
 * of these ports over IPv4 or IPv6.
 */
export function filterOf(flows: readonly Flow[], tunnelPorts: readonly number[]): string {
  const parts = flows.flatMap((flow) =>
    formsOf(flow).flatMap((form) => [
      plain(form, flow),
      ...tunnelPorts.flatMap((port) => [inside(form, flow, 4, port), inside(form, flow, 6, port)]),
    ]),
  );
  return [...new Set(parts)].join(' or ');
}
