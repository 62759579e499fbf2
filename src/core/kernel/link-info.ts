import {type JsonObject, numberIn, type Words} from './reading.js';
import {ipIn} from './words.js';

/**
 * Which attributes of a device kind and of a bridge port are kept, what iproute2's text calls them and of which type they are.
 * The keys are those of `ip -j -d`. Timers and counters are left out: they differ between two looks at an idle system.
 */
type Kind = 'number' | 'word' | 'ip' | 'onoff' | 'ttl' | {readonly is: boolean};

interface Attribute {
  readonly key: string;
  readonly kind: Kind;
}
type Attributes = {readonly [word: string]: Attribute};

const number = (key: string): Attribute => ({key, kind: 'number'});
const word = (key: string): Attribute => ({key, kind: 'word'});
const address = (key: string): Attribute => ({key, kind: 'ip'});
const onOff = (key: string): Attribute => ({key, kind: 'onoff'});
/** The word alone means true or false. */
const says = (key: string, is: boolean): Attribute => ({key, kind: {is}});

const named = (make: (key: string) => Attribute, ...keys: string[]): Attributes => Object.fromEntries(keys.map((key) => [key, make(key)]));

const tunnel: Attributes = {
  local: address('local'),
  remote: address('remote'),
  dev: word('link'),
  ttl: {key: 'ttl', kind: 'ttl'},
  hoplimit: {key: 'ttl', kind: 'ttl'},
  pmtudisc: says('pmtudisc', true),
  nopmtudisc: says('pmtudisc', false),
  external: says('external', true),
};

const kinds: {readonly [kind: string]: Attributes} = {
  vxlan: {
    id: number('id'),
    external: says('external', true),
    local: address('local'),
    remote: address('remote'),
    group: address('group'),
    dev: word('link'),
    dstport: number('port'),
    nolearning: says('learning', false),
    tos: word('tos'),
    ttl: {key: 'ttl', kind: 'ttl'},
    ageing: number('ageing'),
    proxy: says('proxy', true),
    rsc: says('rsc', true),
    l2miss: says('l2miss', true),
    l3miss: says('l3miss', true),
    gbp: says('gbp', true),
    gpe: says('gpe', true),
    udpcsum: says('udp_csum', true),
    noudpcsum: says('udp_csum', false),
    udp6zerocsumtx: says('udp_zero_csum6_tx', true),
    noudp6zerocsumtx: says('udp_zero_csum6_tx', false),
    udp6zerocsumrx: says('udp_zero_csum6_rx', true),
    noudp6zerocsumrx: says('udp_zero_csum6_rx', false),
  },
  bridge: named(number, 'stp_state', 'vlan_filtering', 'ageing_time', 'mcast_snooping', 'nf_call_iptables', 'nf_call_ip6tables'),
  tun: {...named(word, 'type'), ...named(onOff, 'pi', 'vnet_hdr', 'persist')},
  vlan: {...named(word, 'protocol'), ...named(number, 'id')},
  vrf: named(number, 'table'),
  macvlan: named(word, 'mode'),
  ipvlan: named(word, 'mode'),
  bond: named(word, 'mode'),
  ipip: tunnel,
  sit: tunnel,
  gre: tunnel,
  gretap: tunnel,
  ip6tnl: tunnel,
  geneve: {...tunnel, id: number('id'), dstport: number('port')},
};

const ports: {readonly [kind: string]: Attributes} = {
  bridge: {
    ...named(word, 'state'),
    ...named(number, 'priority', 'cost'),
    ...named(
      onOff,
      'hairpin',
      'guard',
      'learning',
      'flood',
      'mcast_flood',
      'bcast_flood',
      'neigh_suppress',
      'proxy_arp',
      'isolated',
      'locked',
    ),
  },
  vrf: named(number, 'table'),
  bond: named(word, 'state'),
};

const none: Attributes = {};
const ofKind = (kind: string): Attributes => (Object.hasOwn(kinds, kind) ? (kinds[kind] ?? none) : none);
const ofPort = (kind: string): Attributes => (Object.hasOwn(ports, kind) ? (ports[kind] ?? none) : none);

export type Info = {[name: string]: unknown};

/** Attributes of the kind from its line of text (`vxlan id 1 local 192.168.77.1 …`); undefined when none is kept. */
export const infoFromText = (kind: string, words: Words): Info | undefined => finish(kind, fromText(ofKind(kind), words));
export const infoFromJson = (kind: string, data: JsonObject): Info | undefined => finish(kind, fromJson(ofKind(kind), data));
export const portFromText = (kind: string, words: Words): Info | undefined => nonEmpty(fromText(ofPort(kind), words));
export const portFromJson = (kind: string, data: JsonObject): Info | undefined => nonEmpty(fromJson(ofPort(kind), data));

/** `learning` is printed in text only when it is off, and by JSON always. */
function finish(kind: string, info: Info): Info | undefined {
  if (kind === 'vxlan' && info['learning'] === undefined && info['id'] !== undefined) info['learning'] = true;
  return nonEmpty(info);
}

function nonEmpty(info: Info): Info | undefined {
  for (const _ in info) return info;
  return undefined;
}

function fromText(attributes: Attributes, words: Words): Info {
  const info: Info = {};
  for (let text = words.next(); text !== undefined; text = words.next()) {
    const attribute = Object.hasOwn(attributes, text) ? attributes[text] : undefined;
    if (attribute === undefined) continue;
    if (typeof attribute.kind === 'object') info[attribute.key] = attribute.kind.is;
    else put(info, attribute, words.next());
  }
  return info;
}

function fromJson(attributes: Attributes, data: JsonObject): Info {
  const info: Info = {};
  for (const text in attributes) {
    const attribute = attributes[text];
    if (attribute === undefined) continue;
    const {key, kind} = attribute;
    const value = data[key] ?? (kind === 'ip' ? data[`${key}6`] : undefined);
    // A flag that is off is not printed by every version; of the pairs (`udp_csum`) both values are.
    if (typeof kind === 'object') {
      if (value === true || (value === false && Object.values(attributes).some((other) => other.key === key && other !== attribute)))
        info[key] = value;
      else if (value === false && key === 'learning') info[key] = false;
    } else if (value !== undefined && info[key] === undefined) put(info, attribute, value);
  }
  return info;
}

function put(info: Info, {key, kind}: Attribute, value: unknown): void {
  if (kind === 'ip') {
    const found = ipIn(value);
    // JSON has `local6`, `remote6`, `group6` for IPv6 VXLAN; tunnels of the other kinds carry one family only.
    if (found !== undefined) info[found.includes(':') ? `${key}6` : key] = found;
  } else if (kind === 'ttl') {
    // 0 in JSON is `auto` in text; `inherit` is not printed by `ip -j` of 6.1.
    const ttl = value === 'auto' ? 0 : numberIn(value);
    if (ttl !== undefined) info[key] = ttl;
  } else if (kind === 'number') {
    const found = numberIn(value);
    if (found !== undefined) info[key] = found;
  } else if (kind === 'onoff') {
    if (value === 'on' || value === true) info[key] = true;
    else if (value === 'off' || value === false) info[key] = false;
  } else if (typeof value === 'string') info[key] = value;
  else if (typeof value === 'number') info[key] = String(value);
}
