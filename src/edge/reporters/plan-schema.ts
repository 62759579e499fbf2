import * as z from 'zod';
import {address, count, fdb, link, list, neigh, object, route, rule, wg, word, xfrm} from './plan-rows.js';

/**
 * A plan as a document. It is read back and run (`flanctl apply --plan`), on nodes, as root: so every text that becomes part of a command has
 * a form that cannot become another command.
 */
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
  rowOperation('rule', rule),
  object({on: z.literal('sysctl'), do: z.literal('replace'), key, to: setting, before: setting.optional()}),
  object({on: z.literal('file'), do: z.literal('replace'), path, to: z.string().optional(), before: z.string().optional()}),
  object({on: z.literal('pod-link'), do: z.literal('replace'), pod: word, dev: word, to: count, before: count}),
  object({on: z.literal('pod-neigh'), do: z.literal('replace'), pod: word, row: neigh, before: neigh.optional()}),
  object({on: z.literal('pod-route'), do: z.literal('add'), pod: word, row: route}),
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

const phase = z.enum(['loosen', 'build', 'flip', 'swap', 'control', 'cleanup', 'restore']);
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
        by: z.literal('flanneld').optional().describe('what flanneld does when it is restarted: flanctl runs nothing of it'),
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
    theirs: list(word).optional().describe('devices that flanneld makes and takes away: nothing is asked of what is on them'),
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
