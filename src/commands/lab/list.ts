import {BaseCommand, outputFlag, withEnv} from '../../base-command.js';

export default class LabList extends BaseCommand {
  static override summary = 'the labs on this machine';
  static override flags = withEnv({output: outputFlag()});

  async run(): Promise<void> {
    const {flags} = await this.parse(LabList);
    const {listLabs} = await import('../../edge/lab/list.js');
    await this.emit('LabListReport', {labs: (await listLabs()).map((entry) => ({...entry}))}, flags.output);
  }
}
