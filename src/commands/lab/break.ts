import {Args} from '@oclif/core';
import {BaseCommand, labNameFlag, outputFlag, withEnv} from '../../base-command.js';
import {breakLab, faultNamed, faultTable} from '../../edge/lab/break.js';

export default class LabBreak extends BaseCommand {
  static override summary = 'put a fault into a lab; without a name, list the faults';
  static override examples = [
    {description: 'What can be broken', command: '<%= config.bin %> lab break'},
    {description: 'Break it, then ask doctor', command: '<%= config.bin %> lab break route-deleted --name demo'},
  ];
  static override args = {fault: Args.string({description: 'the fault'})};
  static override flags = withEnv({
    name: labNameFlag(),
    output: outputFlag(),
  });

  async run(): Promise<void> {
    const {args, flags} = await this.parse(LabBreak);
    if (args.fault === undefined) return this.emit('ShowReport', faultTable(), flags.output);
    const done = await breakLab(flags.name, faultNamed(args.fault));
    await this.emit('LabFaultReport', done, flags.output);
  }
}
