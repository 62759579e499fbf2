import {Flags} from '@oclif/core';
import {BaseCommand, labNameFlag, outputFlag, withEnv} from '../../base-command.js';
import {ExitCode} from '../../exit-code.js';

export default class LabPing extends BaseCommand {
  static override summary = 'ping between all pods of a lab, and from each to the outside';
  static override description =
    'Each pair with a small packet and with the largest that must fit, unfragmented. Exit 0 when all answer, else 1.';
  static override flags = withEnv({
    name: labNameFlag(),
    output: outputFlag(),
    'from-nodes': Flags.boolean({summary: 'ping from the nodes too'}),
  });

  async run(): Promise<void> {
    const {flags} = await this.parse(LabPing);
    const [{labPing}, {loadLab}] = await Promise.all([import('../../edge/lab/ping.js'), import('../../edge/lab/state.js')]);
    const result = await labPing(await loadLab(flags.name), {nodes: flags['from-nodes'], signal: this.interrupted.signal});
    await this.emit('PingReport', result, flags.output);
    process.exitCode = result.ok ? ExitCode.ok : ExitCode.findings;
  }
}
