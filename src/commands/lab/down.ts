import {Flags} from '@oclif/core';
import {BaseCommand, labNameFlag, withEnv} from '../../base-command.js';

export default class LabDown extends BaseCommand {
  static override summary = 'remove a lab, also one that was never finished';
  static override description =
    "Complete and repeatable: works from what lives in the lab's namespaces, so a lab whose records are lost goes too.";
  static override examples = ['<%= config.bin %> lab down', '<%= config.bin %> lab down --all'];
  static override flags = withEnv({name: labNameFlag(), all: Flags.boolean({summary: 'every lab on this machine'})});

  async run(): Promise<void> {
    const {flags} = await this.parse(LabDown);
    const {allDown, labDown} = await import('../../edge/lab/down.js');
    const results = flags.all ? await allDown() : [await labDown(flags.name)];
    if (results.length === 0) this.notice('there is no lab');
    for (const {name, namespaces, left} of results) {
      this.notice(namespaces === 0 ? `nothing was left of ${name}` : `${name}: removed ${namespaces} namespaces`);
      for (const {pid, command} of left)
        this.notice(`${name}: process ${pid} (${command}) was not started by the lab and still lives in it`);
    }
  }
}
