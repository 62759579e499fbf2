import {Args, Flags} from '@oclif/core';
import {BaseCommand, withEnv} from '../../base-command.js';

export default class LabDown extends BaseCommand {
  static override summary = 'remove a lab, also one that was never finished';
  static override description =
    "Complete and repeatable: works from what lives in the lab's namespaces, so a lab whose records are lost goes too.";
  static override examples = ['<%= config.bin %> lab down', '<%= config.bin %> lab down --all'];
  static override args = {name: Args.string({description: 'name of the lab (default: demo)'})};
  static override flags = withEnv({all: Flags.boolean({summary: 'every lab on this machine'})});

  async run(): Promise<void> {
    const {args, flags} = await this.parse(LabDown);
    const {allDown, labDown} = await import('../../edge/lab/down.js');
    const {Failure} = await import('../../failure.js');
    if (flags.all && args.name !== undefined) throw new Failure('--all removes every lab: leave out the name, or --all');
    const results = flags.all ? await allDown() : [await labDown(args.name ?? 'demo')];
    if (results.length === 0) this.notice('there is no lab');
    for (const {name, namespaces, left} of results) {
      this.notice(namespaces === 0 ? `nothing was left of ${name}` : `${name}: removed ${namespaces} namespaces`);
      for (const {pid, command} of left)
        this.notice(`${name}: process ${pid} (${command}) was not started by the lab and still lives in it`);
    }
  }
}
