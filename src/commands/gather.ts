import {Flags} from '@oclif/core';
import {BaseCommand, outputFlag, withEnv} from '../base-command.js';
import {evidenceFlags, openEvidence} from '../edge/evidence.js';
import {ExitCode} from '../exit-code.js';
import {Failure} from '../failure.js';

export default class Gather extends BaseCommand {
  static override summary = 'take a snapshot: the raw tables of every node in one file';
  static override description =
    'Read-only on the nodes: one script over standard input, one round trip a node, nothing left behind. Every read-only command takes the file with --snapshot.';
  static override examples = [
    {description: 'A lab into a file', command: '<%= config.bin %> gather --lab demo --file cluster.ndjson.br'},
    {description: 'One to attach to a report', command: '<%= config.bin %> gather --redact --file cluster.ndjson.br'},
    {
      description: 'By hand, where flanctl cannot reach',
      command: '<%= config.bin %> gather --print-script | ssh node1 sudo sh -s > dumps/node1.dump',
    },
  ];
  static override flags = withEnv({
    ...evidenceFlags,
    output: outputFlag(),
    file: Flags.string({
      char: 'f',
      summary: 'where to write it; .br and .gz are compressed',
      helpValue: 'FILE',
      default: 'cluster.ndjson.br',
    }),
    redact: Flags.boolean({
      summary: 'replace names, addresses and keys, each by the same wherever it stands: a snapshot that can be given to a stranger',
    }),
    'print-script': Flags.boolean({
      summary: 'print the script that runs on a node, and do nothing else',
      exclusive: ['snapshot', 'inventory', 'lab', 'local', 'kubeconfig', 'context', 'etcd-endpoints'],
    }),
  });

  async run(): Promise<void> {
    const {flags} = await this.parse(Gather);
    if (flags['print-script']) {
      const {gatherScript} = await import('../edge/gather/script.js');
      process.stdout.write(await gatherScript());
      return;
    }
    const evidence = await openEvidence(flags, {
      signal: this.interrupted.signal,
      quiet: this.quiet,
      notice: (m) => this.notice(m),
      records: {pods: 'all', services: 'all'},
    });
    const dumps = [];
    for await (const dump of evidence.nodes()) dumps.push(dump);
    this.interrupted.signal.throwIfAborted();
    if (dumps.every((d) => d.sections.length === 0)) {
      throw new Failure('no node could be read, so there is nothing to write', {
        exit: ExitCode.incomplete,
        hints: dumps.map((d) => `${d.node}: ${d.failure?.message ?? 'no section'}`),
      });
    }
    const {keepSnapshot} = await import('../edge/snapshots/keep.js');
    const report = await keepSnapshot(flags.file, dumps, evidence.files, {
      tool: `flanctl ${this.config.version}`,
      takenAt: new Date().toISOString(),
      redact: flags.redact,
    });
    await this.emit('GatherReport', report, flags.output);
    // A cluster need not have all that records may hold: k3s has no ConfigMap.
    for (const {what, why} of evidence.given.records?.gaps ?? []) this.notice(`not in the file: ${what}: ${why}`);
    process.exitCode = dumps.some((d) => d.failure) ? ExitCode.incomplete : ExitCode.ok;
  }
}
