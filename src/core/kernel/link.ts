import {type Ip, type Mac, tryMac} from '../net/address.js';
import {infoFromJson, portFromJson} from './link-info.js';
import {linkLines} from './link-text.js';
import {type Draft, isObject, type JsonObject, numberIn, originOf, type Place, type Reader, read, wordsIn} from './reading.js';
import type {Sourced, Table} from './table.js';

/** A row of `ip -d link show`. Attributes of the kind and of the port stay under iproute2's own names in `info` and `port`. */
export interface Link extends Sourced {
  readonly ifindex?: number;
  readonly ifname: string;
  /** `UP`, `LOWER_UP`, `NO-CARRIER`, `BROADCAST`, `NOARP`, … */
  readonly flags: readonly string[];
  readonly mtu: number;
  /** `UP`, `DOWN`, `UNKNOWN` (a healthy VXLAN device), `LOWERLAYERDOWN`. */
  readonly operstate?: string;
  /** Ethernet only; tun and point-to-point devices have none. */
  readonly address?: Mac;
  readonly master?: string;
  /** The lower device of a VLAN or the local peer of a veth. */
  readonly link?: string;
  /** The peer's index when it is in another namespace. */
  readonly link_index?: number;
  readonly link_netnsid?: number;
  readonly link_type?: string;
  /** `info_kind`: `vxlan`, `veth`, `bridge`, `tun`, `ipip`, `wireguard`, … */
  readonly kind?: string;
  /** `info_data`: for vxlan `id`, `local` (or `local6`), `link`, `port`, `learning`, `ttl`, … Text and JSON give the same keys and types. */
  readonly info?: {readonly [name: string]: unknown};
  /** `info_slave_data` of a bridge port: `state`, `hairpin`, `isolated`, … */
  readonly port?: {readonly [name: string]: unknown};
  readonly extra?: {readonly [name: string]: unknown};
}

/** The local tunnel address of a VXLAN or ipip device, of either family. */
export const localOf = (link: Link): Ip | undefined => (link.info?.['local'] ?? link.info?.['local6']) as Ip | undefined;

/** Kept beside what the row type names; the rest is in the origin. */
const extraNames = ['qdisc', 'txqlen', 'group', 'ifalias', 'altnames', 'link_netns'];

function readElement(element: JsonObject, at: Place): Link | string {
  const {ifindex, ifname, flags, mtu, operstate, address, master, link, link_index, link_netnsid, link_type, linkinfo} = element as {
    [name: string]: unknown;
  };
  if (typeof ifname !== 'string') return 'not a device: no ifname';
  const row: Draft<Link> = {ifname, flags: wordsIn(flags), mtu: numberIn(mtu) ?? 0, origin: originOf(at)};
  setNumber(row, 'ifindex', ifindex);
  if (typeof operstate === 'string') row.operstate = operstate;
  const mac = typeof address === 'string' ? tryMac(address) : undefined;
  if (mac !== undefined) row.address = mac;
  if (typeof master === 'string') row.master = master;
  // `@NONE` in text is null here.
  if (typeof link === 'string') row.link = link;
  setNumber(row, 'link_index', link_index);
  setNumber(row, 'link_netnsid', link_netnsid);
  if (typeof link_type === 'string') row.link_type = link_type;
  if (isObject(linkinfo)) setDetails(row, linkinfo);
  const extra: Record<string, unknown> = {};
  for (const name of extraNames) if (element[name] !== undefined) extra[name] = element[name];
  row.extra = extra;
  return row;
}

function setNumber(row: Draft<Link>, name: 'ifindex' | 'link_index' | 'link_netnsid', value: unknown): void {
  const number = numberIn(value);
  if (number !== undefined) row[name] = number;
}

function setDetails(row: Draft<Link>, linkinfo: JsonObject): void {
  const {info_kind: kind, info_data: data, info_slave_kind: slave, info_slave_data: slaveData} = linkinfo as {[name: string]: unknown};
  if (typeof kind === 'string') {
    row.kind = kind;
    const info = infoFromJson(kind, isObject(data) ? data : {});
    if (info !== undefined) row.info = info;
  }
  if (typeof slave === 'string') {
    const port = portFromJson(slave, isObject(slaveData) ? slaveData : {});
    if (port !== undefined) row.port = port;
  }
}

const reader: Reader<Link> = {
  objects: ['link', 'addr', 'brctl'],
  element(element, at, sink) {
    const row = readElement(element, at);
    if (typeof row === 'string') sink.problem(row, at);
    else sink.rows.push(row);
  },
  lines: linkLines,
};

/** The devices: `ip -d link`, `ip addr` (which prints them too, without kinds unless `-d`), or `brctl show` when there is nothing else. */
export const link: Table<Link> = {
  name: 'link',
  supply: [{sections: ['ip-link', 'ip-addr', 'brctl-show']}],
  parse: (output, context) => read(output, context, reader),
  key: (row) => row.ifname,
  show(row) {
    let text = `${row.ifname}:`;
    if (row.flags.length > 0) text += ` <${row.flags.join(',')}>`;
    if (row.mtu > 0) text += ` mtu ${row.mtu}`;
    if (row.master !== undefined) text += ` master ${row.master}`;
    if (row.operstate !== undefined) text += ` state ${row.operstate}`;
    if (row.address !== undefined) text += ` address ${row.address}`;
    if (row.kind !== undefined) text += ` ${row.kind}`;
    if (row.kind === 'vxlan') text += shownVxlan(row);
    return text;
  },
};

/** What decides where a VXLAN device sends, in the words of `ip -d link`. */
function shownVxlan(row: Link): string {
  const info = row.info ?? {};
  const parts: readonly (readonly [string, unknown])[] = [
    ['id', info['id']],
    ['group', info['group'] ?? info['group6']],
    ['remote', info['remote'] ?? info['remote6']],
    ['local', localOf(row)],
    ['dev', info['link']],
    ['dstport', info['port']],
  ];
  const text = parts.map(([word, value]) => (value === undefined ? '' : ` ${word} ${String(value)}`)).join('');
  return info['learning'] === false ? `${text} nolearning` : text;
}
