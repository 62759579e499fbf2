import type {NodeDump} from '../../src/core/node/dump.js';
import {gather} from '../../src/edge/gather/gather.js';
import type {Lab} from '../../src/edge/lab/topology.js';
import {confirmed} from '../../src/edge/probes/confirm.js';
import {connectBy} from '../../src/edge/probes/connect.js';
import {openTrace, type Wish} from '../../src/edge/trace.js';
import {traceReport} from '../../src/edge/trace-report.js';

/** What was gathered, as it was then; and a way to the nodes as they are now. */
export async function evidenceOf(lab: Lab, timeoutMs?: number) {
  const address = (node: string) => ({node, via: 'netns' as const, pid: lab.nodes.find((n) => n.name === node)!.pid!});
  const options = {sshHostKeys: 'strict', notice: () => {}} as const;
  const dumps: NodeDump[] = [];
  for await (const dump of gather(
    lab.nodes.map((n) => address(n.name)),
    {transport: options, ...(timeoutMs !== undefined && {timeoutMs})},
  ))
    dumps.push(dump);
  return {
    async *nodes() {
      yield* dumps;
    },
    connect: connectBy({addresses: lab.nodes.map((n) => address(n.name)), transport: options}),
  };
}

/** A trace between two ends and the packets that prove it, as the command does both. */
export async function confirm(
  lab: Lab,
  from: string,
  to: string,
  wish: Wish,
  evidence: Awaited<ReturnType<typeof evidenceOf>>,
  capture = false,
) {
  const tracer = await openTrace(evidence, {netConf: lab.netConf});
  const traced = await tracer.trace(tracer.endpoint(from), tracer.endpoint(to), wish);
  const report = traceReport(traced, {proto: wish.proto, port: wish.proto === 'icmp' ? null : 80}, [], false);
  return confirmed(report, {tracer, traced, wish, evidence, connect: evidence.connect, capture, signal: new AbortController().signal});
}
