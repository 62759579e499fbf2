import {Args} from '@oclif/core';
import {BaseCommand, labNameFlag, outputFlag, withEnv} from '../../base-command.js';
import {faultNamed, fixLab} from '../../edge/lab/break.js';

export default class LabFix extends BaseCommand {
  static override summary = 'take a fault out of a lab again';
  static override examples = [{description: 'Undo a fault', command: '<%= config.bin %> lab fix route-deleted --name demo'}];
  static override args = {fault: Args.string({description: 'the fault', required: true})};
  static override flags = withEnv({
    name: labNameFlag(),
    output: outputFlag(),
  });

  async run(): Promise<void> {
    const {args, flags} = await this.parse(LabFix);
    const done = await fixLab(flags.name, faultNamed(args.fault));
    await this.emit('LabFaultReport', done, flags.output);
  }
}
