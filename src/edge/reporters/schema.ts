import * as z from 'zod';
import {changePlan, cuts} from './plan-schema.js';

/**
 * The machine forms of every result: the types that the code uses are inferred from these, and docs/schema/ is generated from them
 * (`node bin/schemas.js`), so that what is promised, what is compiled and what is printed cannot part ways. Not loaded at run time.
 * Over 250 lines: one list of all documents, each of which is read beside the pieces it shares with others.
 */
const list = <T extends z.ZodType>(item: T) => z.array(item).readonly();
const object = <T extends z.ZodRawShape>(shape: T) => z.strictObject(shape).readonly();
const severity = z.enum(['error', 'warning', 'info']);
const nullable = (text: string) => z.string().nullable().describe(text);

const gap = object({
  node: z.string(),
  what: z.string().describe('the section that could not be read, or "node" for the whole node'),
  why: z.string(),
});

const nodeSummary = object({
  name: z.string(),
  via: z.string().describe('how it was read'),
  state: z.enum(['read', 'partly', 'unreadable']),
  mode: nullable('the backend the node itself shows'),
  subnet: nullable('pod subnet, IPv4'),
  ipv6Subnet: nullable('pod subnet, IPv6'),
  publicIP: nullable('the address peers send to'),
  publicIPv6: nullable('the same for IPv6'),
  vtepMAC: nullable('hardware address of its VXLAN device'),
  uplink: nullable('interface that carries traffic between nodes'),
  mtu: z.int().nullable().describe('of the uplink, bytes'),
  pods: z.int().nullable().describe('pod namespaces that were found; null when they were not looked for'),
  kernel: nullable('uname -r'),
});

const cluster = object({
  source: z.enum(['kubernetes', 'etcd', 'inventory', 'derived']).describe('who says which nodes there are'),
  from: z.string().describe('where the evidence was read'),
  mode: nullable('flannel backend type'),
  configuredBy: z.enum(['net-conf', 'derived']),
  configuredFrom: z.string().optional().describe("which of flannel's records holds that net-conf"),
  settings: z.record(z.string(), z.unknown()).readonly().nullable(),
  networks: list(z.string()),
  problems: list(z.string()),
  nodes: list(nodeSummary),
});

const evidence = object({
  node: z.string(),
  command: z.string().describe('what printed it'),
  lines: list(z.string()).describe('the rows as people read them'),
  raw: list(z.unknown()).optional().describe('the exact text or JSON objects that were printed'),
});

const step = object({node: z.string(), run: z.string().describe('a shell command for root on that node')});

const findingShape = {
  id: z.string().describe('stable for the same state: rule@node'),
  rule: z.string(),
  severity,
  stage: z.string(),
  node: z.string(),
  subject: z.string(),
  message: z.string(),
  evidence: list(evidence),
  cause: z.string(),
  effect: z.string().describe('what traffic suffers'),
  remedy: object({summary: z.string(), steps: list(step)}),
  fixable: z.boolean().describe('the steps mend it'),
  fix: z.enum(['safe', 'ask', 'no']),
  peers: list(z.string()),
  doc: z.string(),
};
const finding = object({...findingShape, consequences: list(object({...findingShape, consequences: list(z.unknown())}))});
const exit = z.int().describe('the exit code of the process');

const traceEnd = object({
  name: z.string(),
  kind: z.enum(['pod', 'node', 'service', 'vm', 'outside']).describe('vm: a machine in the network of the nodes that is no node'),
  node: nullable('where it is'),
  address: nullable('in the family of the packet; null when the route chooses it'),
});

const traceStep = object({
  kind: z
    .string()
    .describe(
      'send, receive, link, bridge, rule, route, neighbour, fdb, encapsulate, decapsulate, firewall, nat, sysctl, underlay, fabric, deliver',
    ),
  node: z.string().describe('or "underlay"'),
  pod: nullable("the pod's namespace, when it is not the node's own"),
  dev: nullable('device'),
  text: z.string(),
  certainty: z.enum(['observed', 'inferred', 'declared', 'unknown']),
  end: nullable('the fate of the packet, on the step where it ends badly'),
  evidence: list(object({node: z.string(), command: z.string(), lines: list(z.string())})).describe('the entries that decided'),
  crossing: object({
    status: z
      .enum(['observed', 'inferred', 'declared', 'unknown'])
      .describe('declared: the cloud printed what decides; inferred: it must be so; observed: packets came through'),
    from: z.string().describe('node/device, or the address of a machine that is no node'),
    to: nullable('the same; null: nowhere, or beyond what was gathered'),
    decides: object({table: nullable('of the cloud'), row: z.string(), would: z.boolean().describe('nobody read it: it must be so')}),
    source: nullable('where it was read'),
    takenAt: nullable('of when that is'),
    inferred: list(z.string()).describe('what is thought to happen inside'),
    refutedBy: list(z.string()).describe('what would show that it is otherwise'),
    seen: nullable('what packets showed of it (--probe, --capture)'),
  })
    .nullable()
    .describe("on a step through a cloud's network, which nobody can look into"),
});

const traceDirection = object({
  from: z.string(),
  to: z.string(),
  verdict: z.enum(['reachable', 'broken', 'unknown']),
  certainty: z
    .enum(['observed', 'inferred', 'declared', 'unknown'])
    .nullable()
    .describe('of a reachable verdict: that of its least certain step'),
  hop: z.int().nullable().describe('the hop at which it ends or is not certain'),
  disposition: nullable('how it ends there'),
  because: nullable('the reason, for people'),
  pathMtu: z.int().nullable().describe('the largest IP packet that gets through whole, bytes'),
  hops: list(object({number: z.int(), place: z.string(), steps: list(traceStep)})),
  explained: object({
    id: z.string(),
    rule: z.string(),
    node: z.string(),
    message: z.string(),
    remedy: object({summary: z.string(), steps: list(step)}),
    doc: z.string(),
  })
    .nullable()
    .describe('the finding of doctor that explains a broken direction'),
});

const fate = z.enum(['arrives', 'lost', 'unknown']);
const device = object({node: z.string(), pod: nullable("the pod's namespace, when it is not the node's own"), dev: z.string()});

const probe = object({
  agrees: z.boolean().nullable().describe('do real packets fare as the tables say? null: nothing could be compared'),
  headline: z.string().describe('the outcome in one sentence'),
  packets: list(
    object({
      name: z
        .enum(['small', 'asked', 'largest', 'over'])
        .describe('asked: of --size or --mtu; largest: what fits by the tables; over: one byte more, which must not get through'),
      size: z.int().describe('of the IP packet, bytes, sent with DF'),
      answer: z
        .enum(['answered', 'refused', 'rejected', 'limited', 'silent', 'lost', 'missing', 'failed'])
        .describe(
          'what the sender met; refused: nobody listens, which is an answer too; limited: the sender has learnt a smaller path MTU and does not send it; silent: UDP; missing: no tool to send it; failed: not sent',
        ),
      said: nullable('what the tool said'),
      there: object({predicted: fate, measured: fate}),
      back: object({predicted: fate.nullable(), measured: fate.nullable()}).nullable().describe('null: nothing is to come back'),
      agrees: z.boolean().nullable(),
      died: object({
        direction: z.enum(['there', 'back']),
        after: device.nullable().describe('the last device that it was seen at'),
        before: device.nullable().describe('the first that it was not seen at'),
      })
        .nullable()
        .describe('with --capture, of a packet that was lost'),
      seen: list(
        object({
          direction: z.enum(['there', 'back']),
          hop: z.int().nullable().describe('of the walk; null for a device that it should not come to'),
          node: z.string(),
          pod: nullable("the pod's namespace, when it is not the node's own"),
          dev: z.string(),
          way: z.enum(['in', 'out']).nullable(),
          tunnelled: z.boolean(),
          expected: z.boolean().nullable().describe('the walk says that it comes here; null: it cannot say'),
          seen: z.boolean().nullable().describe('null: nobody could look'),
        }),
      ).describe('with --capture: every device on the way, in order'),
    }),
  ),
  hints: list(z.string()).describe('what may be the reason where tables and wire part'),
  gaps: list(gap),
  pcap: nullable('the file with all that was seen'),
});

export const schemas = {
  DoctorReport: object({
    cluster,
    findings: list(finding),
    notEvaluated: list(object({rule: z.string(), node: z.string(), missing: list(z.string())})),
    gaps: list(gap),
    summary: object({errors: z.int(), warnings: z.int(), infos: z.int(), rules: z.int(), nodes: z.int()}),
    exit,
  }),
  DiffReport: object({
    cluster,
    entries: list(
      object({
        node: z.string(),
        table: z.string(),
        sign: z.enum(['-', '+', '~']).describe('- missing, + unexpected, ~ changed'),
        row: z.string().describe("in iproute2's words"),
        want: z.string().optional().describe('for ~: what should be there'),
        fields: list(z.string()).optional(),
        peer: z.string().optional(),
      }),
    ),
    gaps: list(gap),
    exit,
  }),
  ShowReport: object({
    table: z.string(),
    columns: list(z.string()),
    rows: list(z.record(z.string(), z.union([z.string(), z.number(), z.boolean(), z.null()])).readonly()),
    gaps: list(gap),
  }),
  ExplainReport: object({
    topic: z.string(),
    what: z.enum(['rule', 'mode', 'index']),
    title: z.string(),
    text: z.string().describe('Markdown'),
  }),
  GatherReport: object({
    file: nullable('where the snapshot was written'),
    nodes: list(
      object({
        node: z.string(),
        as: nullable('what it is called in a redacted snapshot'),
        via: z.string(),
        sections: z.int(),
        bytes: z.int(),
        failure: nullable('why the node could not be read'),
      }),
    ),
  }),
  InitReport: object({
    from: z.string().describe('where it was found out'),
    mode: nullable('flannel backend type, as configured'),
    networks: list(z.string()),
    configuration: nullable("where flannel's configuration is kept"),
    nodes: list(object({name: z.string(), host: nullable('what SSH connects to, when it is not the name')})),
    settings: z.record(z.string(), z.unknown()).readonly().describe('the keys of the configuration file'),
    files: list(z.string()).describe('what was written'),
    gaps: list(object({what: z.string(), why: z.string()})),
    next: list(z.string()).describe('commands to go on with'),
  }),
  LabReport: z.looseObject({name: z.string(), backend: z.string()}).readonly(),
  LabFaultReport: object({
    lab: z.string(),
    backend: z.string(),
    fault: z.string(),
    did: z.string().describe('what was done, in words'),
    next: list(z.string()).describe('commands to go on with'),
  }),
  LabListReport: object({labs: list(z.looseObject({name: z.string()}).readonly())}),
  TraceReport: object({
    from: traceEnd,
    to: traceEnd,
    packet: object({
      family: z.union([z.literal(4), z.literal(6)]),
      proto: z.enum(['tcp', 'udp', 'icmp']),
      port: z.int().nullable().describe('destination port; null for icmp'),
      size: z.int().describe('of the IP packet, bytes, sent with DF'),
    }),
    directions: list(traceDirection).describe('there, and back when the packet arrived'),
    nodes: list(z.string()).describe('nodes whose tables were needed'),
    probe: probe.optional().describe('with --probe or --capture: real packets beside the walk'),
    exit,
  }),
  AllPairsReport: object({
    families: list(
      object({
        family: z.union([z.literal(4), z.literal(6)]),
        nodes: z.int().describe('the ends of the pairs, counted'),
        ends: z
          .enum(['nodes', 'pods', 'pods and machines'])
          .describe(
            'what they are: nodes, each for all its pods; where pods have addresses of network interfaces, a pod of each kind of each node',
          ),
        pairs: z.int().describe('ordered pairs of different ends'),
        counts: object({
          reachable: z.int().describe('there and back'),
          inferred: z.int().describe('the same, if a router that nobody can look into does its part'),
          broken: z.int(),
          unknown: z.int(),
        }),
        reasons: list(
          object({
            direction: z.enum(['there', 'back']),
            verdict: z.enum(['broken', 'unknown']),
            disposition: z.string().describe('how the packet ends'),
            because: z.string().describe('of the first pair, for people'),
            pairs: z.int(),
            first: list(object({from: z.string(), to: z.string()})).describe('at most ten'),
            nodes: list(z.string()).describe('where it ends, at most ten'),
            nodeCount: z.int(),
          }),
        ).describe('what is not reachable; pairs that fail alike are one'),
        matrix: list(
          object({
            from: z.string(),
            to: list(object({node: z.string(), mark: z.enum(['reachable', 'inferred', 'broken', 'unknown'])})),
          }),
        )
          .nullable()
          .describe('pair by pair, for at most 20 ends'),
      }),
    ),
    exit,
  }),
  HistoryReport: object({
    changes: list(
      object({
        id: z.string(),
        title: z.string(),
        operator: z.string().describe('user@host'),
        since: z.string().describe('ISO 8601'),
        outcome: z.string().describe('done, rolled-back, timed-out, abandoned, open, stranded, refused; mixed when its nodes differ'),
        here: z.boolean().describe('made from this machine'),
        nodes: list(
          object({
            node: z.string(),
            outcome: z.enum(['open', 'done', 'rolled-back', 'timed-out', 'abandoned']),
            progress: z.enum(['applying', 'final', 'committed']),
            timer: z.int().nullable().describe('seconds until its dead-man timer acts; null when there is none'),
            steps: list(
              object({
                stage: z.int(),
                phase: z.string(),
                title: z.string(),
                state: z.enum(['begun', 'done', 'failed', 'undone', 'undo-failed']),
              }),
            ),
            log: list(z.string()).describe('what an undo could not do'),
          }),
        )
          .nullable()
          .describe('null when only this machine was asked'),
      }),
    ),
    gaps: list(gap),
    exit,
  }),
  ChangeReport: object({
    id: nullable('of the change: flanctl rollback takes it; null when nothing was begun'),
    what: z.enum(['apply', 'migrate', 'rollback']),
    title: z.string(),
    operator: z.string().describe('user@host'),
    since: z.string().describe('ISO 8601'),
    seconds: z.number().describe('how long it took'),
    nodes: list(z.string()),
    outcome: z.enum(['done', 'nothing-to-do', 'planned', 'refused', 'rolled-back', 'stranded']),
    because: list(z.string()).describe('why it was refused, rolled back or stranded'),
    stages: list(
      object({
        phase: z.enum(['loosen', 'build', 'flip', 'swap', 'control', 'cleanup', 'restore']),
        title: z.string(),
        nodes: list(z.string()),
        operations: z.int().nullable().describe('on all its nodes; null when only the nodes know'),
        state: z.enum(['not-reached', 'done', 'failed', 'undone', 'undo-failed']),
        at: nullable('when it began, ISO 8601'),
        seconds: z.number().nullable().describe('with its gate; null when it was not begun'),
      }),
    ),
    warnings: list(z.string()).describe('what was said before it began'),
    cuts: cuts.optional(),
    left: list(object({node: z.string(), what: z.string(), why: z.string()})).describe('what was not touched, or could not be put back'),
    ledger: object({
      interval: z.number().describe('seconds between two echoes of a flow'),
      total: object({sent: z.int(), lost: z.int(), reordered: z.int(), duplicated: z.int()}),
      flows: list(
        object({
          from: z.string(),
          to: z.string(),
          family: z.union([z.literal(4), z.literal(6)]),
          sent: z.int(),
          lost: z.int().describe('there or on the way back'),
          reordered: z.int(),
          duplicated: z.int(),
          gaps: list(
            object({
              lost: z.int().describe('one after the other'),
              at: z.number().describe("seconds since 1970, by the sender's clock"),
              seconds: z.number().describe('from the last answer before to the first after'),
            }),
          ).describe('the largest first, at most ten'),
        }),
      ),
      notMeasured: list(
        object({from: z.string(), to: z.string(), family: z.union([z.literal(4), z.literal(6)]), why: z.string()}),
      ).describe('nothing is known of these: they may have lost anything'),
      left: z.int().describe('ordered pairs of nodes left out of the sample of a large cluster'),
    })
      .nullable()
      .describe('null when no probes ran'),
    exit,
  }),
  ChangePlan: changePlan,
  PingReport: object({
    ok: z.boolean(),
    pairs: list(
      object({
        from: z.string(),
        to: z.string(),
        family: z.union([z.literal(4), z.literal(6)]),
        small: z.boolean().describe('a small echo was answered'),
        large: z.boolean().describe("the largest that fits the sender's MTU, with DF, was answered"),
      }),
    ),
  }),
} as const;

const head = {apiVersion: z.literal('flanctl.dev/v1alpha1')};

/** What a machine form holds when there is no result: the error, on stdout too. */
const error = z.strictObject({...head, kind: z.literal('Error'), error: object({message: z.string(), hints: list(z.string()), exit})});

/** JSON Schema (2020-12) of each document, by file name. */
export function publishedSchemas(): {readonly [name: string]: unknown} {
  const documents = Object.entries(schemas).map(([kind, schema]): [string, unknown] => {
    const {
      $schema: _,
      properties,
      required,
      ...rest
    } = z.toJSONSchema(schema, {io: 'output', reused: 'ref'}) as {$schema?: string; properties: object; required?: readonly string[]};
    return [
      kind,
      {
        $schema: 'https://json-schema.org/draft/2020-12/schema',
        title: kind,
        ...rest,
        properties: {apiVersion: {const: 'flanctl.dev/v1alpha1'}, kind: {const: kind}, ...properties},
        required: ['apiVersion', 'kind', ...(required ?? [])],
      },
    ];
  });
  return Object.fromEntries([...documents, ['Error', {...z.toJSONSchema(error), title: 'Error'}]]);
}
