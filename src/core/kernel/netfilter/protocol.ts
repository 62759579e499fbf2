import {type Family, familyOf} from '../../net/address.js';

/** The names tools print for a protocol number; `/etc/protocols` of the node decides which, so several lead to one number. */
const numbers: {readonly [name: string]: number} = {
  all: 0,
  ip: 0,
  icmp: 1,
  igmp: 2,
  ipencap: 4,
  ipip: 4,
  ipv4: 4,
  tcp: 6,
  egp: 8,
  igp: 9,
  udp: 17,
  dccp: 33,
  ipv6: 41,
  'ipv6-route': 43,
  'ipv6-frag': 44,
  rsvp: 46,
  gre: 47,
  esp: 50,
  'ipsec-esp': 50,
  ah: 51,
  'ipsec-ah': 51,
  icmpv6: 58,
  'ipv6-icmp': 58,
  'ipv6-nonxt': 59,
  'ipv6-opts': 60,
  ospf: 89,
  ospfigp: 89,
  pim: 103,
  ipcomp: 108,
  vrrp: 112,
  l2tp: 115,
  sctp: 132,
  udplite: 136,
  mh: 135,
  'mobility-header': 135,
};

/** The IANA number of a protocol written as a name or a number; undefined for a name flanctl does not know. */
export function protocolNumber(text: string | number): number | undefined {
  if (typeof text === 'number') return text;
  if (/^\d{1,3}$/.test(text)) return Number(text);
  const name = text.toLowerCase();
  return Object.hasOwn(numbers, name) ? numbers[name] : undefined;
}

const icmpTypes: {readonly [name: string]: number} = {
  'echo-reply': 0,
  'destination-unreachable': 3,
  'source-quench': 4,
  redirect: 5,
  'echo-request': 8,
  'router-advertisement': 9,
  'router-solicitation': 10,
  'time-exceeded': 11,
  'parameter-problem': 12,
  'timestamp-request': 13,
  'timestamp-reply': 14,
  'info-request': 15,
  'info-reply': 16,
  'address-mask-request': 17,
  'address-mask-reply': 18,
};

const icmp6Types: {readonly [name: string]: number} = {
  'destination-unreachable': 1,
  'packet-too-big': 2,
  'time-exceeded': 3,
  'parameter-problem': 4,
  'echo-request': 128,
  'echo-reply': 129,
  'mld-listener-query': 130,
  'mld-listener-report': 131,
  'mld-listener-done': 132,
  'mld-listener-reduction': 132,
  'nd-router-solicit': 133,
  'nd-router-advert': 134,
  'nd-neighbor-solicit': 135,
  'nd-neighbor-advert': 136,
  'nd-redirect': 137,
  'router-renumbering': 138,
  'ind-neighbor-solicit': 141,
  'ind-neighbor-advert': 142,
  'mld2-listener-report': 143,
};

/** The number of an ICMP type written as nft's or iptables' name, or as a number. */
export function icmpTypeNumber(text: string | number, family: Family): number | undefined {
  if (typeof text === 'number') return text;
  if (/^\d{1,3}$/.test(text)) return Number(text);
  const names = family === 4 ? icmpTypes : icmp6Types;
  return Object.hasOwn(names, text) ? names[text] : undefined;
}

/** Is the address one that no single host owns? The kernel answers this from the address alone, without a route. */
export const isMulticast = (address: string): boolean =>
  familyOf(address) === 4 ? /^2(2[4-9]|3\d)\./.test(address) : /^ff/.test(address) && address.indexOf(':') === 4;
