import * as z from 'zod';
import {tryIp, tryMac} from '../../core/net/address.js';
import {tryPrefix} from '../../core/net/prefix.js';

/** The rows of the kernel's tables as a plan has them; see plan-schema.ts for what every text must be. */
export const object = <T extends z.ZodRawShape>(shape: T) => z.strictObject(shape).readonly();
export const list = <T extends z.ZodType>(item: T) => z.array(item).readonly();

const ip = z.string().refine((text) => tryIp(text) === text, 'not an IP address');
export const prefix = z.string().refine((text) => tryPrefix(text) === text, 'not a prefix');
const mac = z.string().refine((text) => tryMac(text) === text, 'not a hardware address');
/** One word of a batch: a device, a table, a protocol, a flag. */
export const word = z.string().regex(/^[\w@%+=:./-]{1,64}$/);
const family = z.union([z.literal(4), z.literal(6)]);
const value = z.union([word, z.number(), z.boolean(), z.null()]);
/** What a row has besides: words, and what a route tells of its nexthop. */
const attributes = z.record(word, z.union([value, list(value), z.record(word, value).readonly()])).readonly();
export const count = z.int().min(0);

export const link = object({
  ifindex: count.optional(),
  ifname: word,
  flags: list(word),
  mtu: count,
  operstate: word.optional(),
  address: mac.optional(),
  master: word.optional(),
  link: word.optional(),
  link_index: count.optional(),
  link_netnsid: z.int().optional(),
  link_type: word.optional(),
  kind: word.optional(),
  info: attributes.optional(),
  port: attributes.optional(),
  extra: attributes.optional(),
});
export const address = object({
  family,
  dev: word,
  local: ip,
  prefixlen: count,
  scope: word,
  broadcast: ip.optional(),
  peer: ip.optional(),
  flags: list(word),
  label: word.optional(),
  valid_life_time: count.optional(),
  preferred_life_time: count.optional(),
});
const nexthop = object({gateway: ip.optional(), dev: word.optional(), weight: count.optional(), flags: list(word)});
export const route = object({
  family,
  table: word,
  type: word,
  dst: prefix,
  tos: word.optional(),
  gateway: ip.optional(),
  dev: word.optional(),
  metric: count,
  protocol: word.optional(),
  scope: word.optional(),
  prefsrc: ip.optional(),
  from: prefix.optional(),
  flags: list(word),
  nexthops: list(nexthop).optional(),
  nhid: count.optional(),
  metrics: z.record(word, z.number()).readonly().optional(),
  locked: list(word).optional(),
  pref: word.optional(),
  extra: attributes.optional(),
});
export const neigh = object({
  family,
  dst: ip,
  dev: word,
  lladdr: mac.optional(),
  state: list(word),
  router: z.boolean().optional(),
  proxy: z.boolean().optional(),
  extra: attributes.optional(),
});
export const fdb = object({
  mac,
  dev: word,
  dst: ip.optional(),
  master: word.optional(),
  vlan: count.optional(),
  vni: count.optional(),
  port: count.optional(),
  via: word.optional(),
  flags: list(word),
  state: z.union([word, z.literal('')]),
  extra: attributes.optional(),
});
export const wg = object({
  dev: word,
  publicKey: z.string().regex(/^[A-Za-z0-9+/]{43}=$/),
  endpoint: object({address: ip, port: z.int().min(0).max(65_535)}).optional(),
  allowedIPs: list(prefix),
  latestHandshake: count.optional(),
  rxBytes: count,
  txBytes: count,
  persistentKeepalive: count.optional(),
});
export const xfrm = object({
  dir: z.enum(['in', 'out', 'fwd']),
  src: prefix,
  dst: prefix,
  priority: count,
  index: count.optional(),
  action: z.enum(['allow', 'block']),
  tmpl: list(object({src: ip, dst: ip, proto: word, reqid: count, mode: word, level: word.optional()})),
});
/** Of rules, what flanctl writes: others are refused. */
export const rule = object({
  family,
  priority: count,
  src: prefix.optional(),
  dst: prefix.optional(),
  iif: word.optional(),
  oif: word.optional(),
  fwmark: count.optional(),
  fwmask: count.optional(),
  action: z.literal('lookup'),
  table: word,
  protocol: word.optional(),
});
