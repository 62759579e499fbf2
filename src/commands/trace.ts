import {Args, Flags} from '@oclif/core';
import {BaseCommand, outputFlag, withEnv} from '../base-command.js';
import {allPairsReport, traceAllPairs} from '../edge/all-pairs.js';
import {evidenceFlags, openEvidence} from '../edge/evidence.js';
import {openTrace} from '../edge/trace.js';
import {packetFlags, wishedOf, wishOf} from '../edge/trace-flags.js';
import {explainedReport} from '../edge/trace-report.js';
import {Failure} from '../failure.js';

export default class Trace extends BaseCommand {
  static override summary = 'where a packet goes, hop by hop, there and back, and which entry decides each hop';
  static override description =
    'Walks the packet through what was gathered, as the kernel would take it. Sends nothing without --probe. Exit 0 reachable both ways, 1 broken, 3 not certain.';
  static override examples = [
    {description: 'Two pods of a lab', command: '<%= config.bin %> trace n1-p1 n2-p1 --lab demo'},
    {
      description: 'By address, a TCP connection',
      command: '<%= config.bin %> trace 10.244.1.2 10.244.2.2 --proto tcp --port 8080 --inventory nodes.yaml',
    },
    {description: 'Does a full-sized packet get out?', command: '<%= config.bin %> trace n1-p1 1.1.1.1 --mtu --snapshot cluster.ndjson.br'},
    {description: 'A drawing', command: '<%= config.bin %> trace n1-p1 n2-p1 --lab demo -o svg > trace.svg'},
    {
      description: 'With real packets, watched on every hop',
      command: '<%= config.bin %> trace n1-p1 n2-p1 --lab demo --capture --pcap way.pcapng',
    },
    {description: 'Every node to every other', command: '<%= config.bin %> trace --all-pairs --inventory nodes.yaml'},
  ];
  static override args = {
    from: Args.string({description: 'a pod (ns/pod too), a pod address or a node'}),
    to: Args.string({description: 'the same, a service (svc/ns/name), or any address'}),
  };
  static override flags = withEnv({
    ...evidenceFlags,
    output: outputFlag(['mermaid', 'svg']),
    ...packetFlags,
    'assume-fabric': Flags.boolean({summary: 'count hops that nobody can look into (routers, the outside) as good'}),
    'all-pairs': Flags.boolean({
      summary: 'a pod of every node to a pod of every other, small echoes; reasons folded',
      exclusive: ['port', 'size', 'mtu'],
    }),
  });

  async run(): Promise<void> {
    const {args, flags} = await this.parse(Trace);
    const family = flags.family === undefined ? undefined : flags.family === '4' ? 4 : 6;
    if (flags['all-pairs'] ? args.from !== undefined : args.to === undefined)
      throw new Failure(flags['all-pairs'] ? '--all-pairs takes no pods' : 'name two ends: flanctl trace FROM TO');
    if (flags.port !== undefined && flags.proto === 'icmp') throw new Failure('--port needs --proto tcp or udp');
    const {signal} = this.interrupted;
    const records = wishedOf([args.from, args.to]);
    const evidence = await openEvidence(flags, {signal, quiet: this.quiet, notice: (m) => this.notice(m), records});
    if (flags['all-pairs']) {
      const report = allPairsReport(await traceAllPairs(evidence, evidence.given, family), flags['assume-fabric']);
      signal.throwIfAborted();
      await this.emit('AllPairsReport', report, flags.output);
      process.exitCode = report.exit;
      return;
    }
    const tracer = await openTrace(evidence, evidence.given, {ends: [args.from!, args.to!]});
    signal.throwIfAborted();
    const wish = wishOf(flags, family);
    const traced = await tracer.trace(tracer.endpoint(args.from!), tracer.endpoint(args.to!), wish);
    const packet = {proto: flags.proto, port: flags.proto === 'icmp' ? null : (flags.port ?? 80)};
    let report = await explainedReport(traced, packet, evidence, flags['assume-fabric']);
    if (flags.probe || flags.capture) {
      const [{confirmed}, {connectBy}] = await Promise.all([import('../edge/probes/confirm.js'), import('../edge/probes/connect.js')]);
      const {capture, pcap} = flags;
      const connect = evidence.reach && connectBy(evidence.reach);
      report = await confirmed(report, {tracer, traced, wish, evidence, connect, capture, pcap, signal});
    }
    await this.emit('TraceReport', report, flags.output);
    process.exitCode = report.exit;
  }
}
