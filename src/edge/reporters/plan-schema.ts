import * as z from 'zod';
import {tryIp, tryMac} from '../../core/net/address.js';
import {tryPrefix} from '../../core/net/prefix.js';

/**
 * A plan as a document. It is read back and run (`flanctl apply --plan`), on nodes, as root: so every text that becomes part of a command has
 * a form that cannot become another command.
 */
const object = <T extends z.ZodRawShape>(shape: T) => z.strictObject(shape).readonly();
const list = <T extends z.ZodType>(item: T) => z.array(item).readonly();

const ip = z.string().refine((text) => tryIp(text) === text, 'not an IP address');
const prefix = z.string().refine((text) => tryPrefix(text) === text, 'not a prefix');
const mac = z.string().refine((text) => tryMac(text) === text, 'not a hardware address');
/** One word of a batch: a device, a table, a protocol, a flag. */
const word = z.string().regex(/^[\w@%+=:./-]{1,64}$/);
const family = z.union([z.literal(4), z.literal(6)]);
const value = z.union([word, z.number(), z.boolean(), z.null()]);
/** What a row has besides: words, and what a route tells of its nexthop. */
const attributes = z.record(word, z.union([value, list(value), z.record(word, value).readonly()])).readonly();
const count = z.int().min(0);

const link = object({
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
const address = object({
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
const route = object({
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
const neigh = object({
  family,
  dst: ip,
  dev: word,
  lladdr: mac.optional(),
  state: list(word),
  router: z.boolean().optional(),
  proxy: z.boolean().optional(),
  extra: attributes.optional(),
});
const fdb = object({
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
const wg = object({
  dev: word,
  publicKey: z.string().regex(/^[A-Za-z0-9+/]{43}=$/),
  endpoint: object({address: ip, port: z.int().min(0).max(65_535)}).optional(),
  allowedIPs: list(prefix),
  latestHandshake: count.optional(),
  rxBytes: count,
  txBytes: count,
  persistentKeepalive: count.optional(),
});
const xfrm = object({
  dir: z.enum(['in', 'out', 'fwd']),
  src: prefix,
  dst: prefix,
  priority: count,
  index: count.optional(),
  action: z.enum(['allow', 'block']),
  tmpl: list(object({src: ip, dst: ip, proto: word, reqid: count, mode: word})),
});

const key = z.string().regex(/^(?!.*\.\.)[\w./:@+-]{1,200}$/);
const setting = z.string().regex(/^[\w .:\t+-]{0,200}$/);
const contents = object({
  address: list(address),
  route: list(route),
  neigh: list(neigh),
  fdb: list(fdb),
  wg: list(wg).optional(),
  sysctl: z.record(key, setting).readonly(),
}).describe('what goes with a device or an address');

const rowOperation = <T extends string, R extends z.ZodType>(on: T, row: R) =>
  z.union([
    object({on: z.literal(on), do: z.literal('add'), row, contents: contents.optional()}),
    object({on: z.literal(on), do: z.literal('replace'), row, before: row.describe('as the plan saw it'), contents: contents.optional()}),
    object({on: z.literal(on), do: z.literal('del'), row, contents: contents.optional()}),
  ]);

const path = z.string().regex(/^\/[^\0\n]{1,4000}$/);
const kubeConfig = object({
  on: z.literal('kube'),
  do: z.literal('config'),
  namespace: word,
  name: word,
  key: word,
  to: z.string(),
  before: z.string(),
  nodes: list(word),
  types: z.tuple([z.string(), z.string()]).readonly(),
  wait: z.boolean(),
});
const operation = z.union([
  rowOperation('link', link),
  rowOperation('address', address),
  rowOperation('route', route),
  rowOperation('neigh', neigh),
  rowOperation('fdb', fdb),
  rowOperation('wg', wg),
  rowOperation('xfrm', xfrm),
  object({on: z.literal('sysctl'), do: z.literal('replace'), key, to: setting, before: setting.optional()}),
  object({on: z.literal('file'), do: z.literal('replace'), path, to: z.string().optional(), before: z.string().optional()}),
  object({on: z.literal('pod-link'), do: z.literal('replace'), pod: word, dev: word, to: count, before: count}),
  kubeConfig,
  object({
    on: z.literal('kube'),
    do: z.literal('restart'),
    namespace: word,
    daemonSet: word,
    node: word,
    to: z.string(),
    before: z.string(),
    annotation: z.string(),
    config: kubeConfig,
  }),
]);

/** What one node runs in one stage. */
export const operations = list(operation);

const phase = z.enum(['loosen', 'build', 'flip', 'control', 'cleanup', 'restore']);
const target = object({
  type: z.string().describe("flannel's Backend.Type"),
  settings: object({
    vni: count,
    port: count,
    directRouting: z.boolean(),
    learning: z.boolean(),
    gbp: z.boolean(),
    mtu: count.optional(),
    listenPort: count.optional(),
    listenPortV6: count.optional(),
    wgMode: z.enum(['separate', 'auto', 'ipv4', 'ipv6']).optional(),
    keepalive: count.optional(),
    psk: z.boolean().optional(),
    udpEncap: z.boolean().optional(),
    extension: object({
      preStartup: z.string().optional(),
      postStartup: z.string().optional(),
      subnetAdd: z.string().optional(),
      subnetRemove: z.string().optional(),
    }).optional(),
  }),
});
const reason = object({node: z.string(), what: z.string(), why: z.string()});
export const cuts = list(
  object({
    node: z.string(),
    local: z.string().describe('address:port of the end on the node, or of who comes through it'),
    remote: z.string().describe('address:port that it is connected to'),
    peer: z.string().describe('the node of the pod at the other end'),
    process: z.string().optional().describe('who has it open, where the node says'),
    step: z.string().describe('the stage that cuts it, or what is held back for its sake'),
    held: z.boolean().describe('the step is held back: the connection lives on'),
    why: z.string(),
  }),
).describe('open connections of the nodes themselves, and masqueraded ones, that a step cuts');
const batches = list(object({tool: z.enum(['ip', 'bridge', 'sh']).describe('ip -batch, bridge -batch, or sh'), lines: list(z.string())}));

export const changePlan = object({
  plan: object({
    what: z.enum(['apply', 'migrate']),
    from: target.optional(),
    to: target,
    stages: list(
      object({
        phase,
        title: z.string().describe('unique in the plan'),
        work: list(object({node: z.string(), operations})),
      }),
    ).describe('in order, each on all its nodes before the next begins'),
    control: object({
      by: word.describe('who keeps it: --controller'),
      wait: z.boolean().optional().describe('--pre-flipped'),
      before: z.unknown(),
      after: z.unknown(),
    })
      .optional()
      .describe("flannel's net-conf.json"),
    warnings: list(z.string()),
    irreversible: list(reason).describe('refused unless --accept-irreversible names the node'),
    cuts: cuts.optional(),
    left: list(reason).describe('seen, and deliberately not touched'),
  }).describe('what is run and compared: flanctl apply --plan reads this part only'),
  steps: list(
    object({
      stage: z.string(),
      node: z.string(),
      run: batches.describe('exactly what is run'),
      undo: batches.describe('exactly what brings the state before back'),
    }),
  ).describe('the same as commands, for people and reviews'),
  exit: z.int(),
});
