import {Args} from '@oclif/core';
import {BaseCommand, labNameFlag, withEnv} from '../../base-command.js';

export default class LabExec extends BaseCommand {
  static override summary = 'run a command in a node or pod of a lab';
  static override description =
    "Ends with the command's own exit status. The place is a node (n1), a pod (n1-p1) or the underlay (the switch and router); in a cloud also vm, host1, host2.";
  static override examples = ['<%= config.bin %> lab exec n1 -- ip route', '<%= config.bin %> lab exec n1-p1 -- ping -c 1 10.244.2.2'];
  static override strict = false;
  static override args = {place: Args.string({description: 'node, pod or underlay', required: true})};
  static override flags = withEnv({name: labNameFlag()});

  async run(): Promise<void> {
    const {args, flags, argv} = await this.parse(LabExec);
    const {Failure} = await import('../../failure.js');
    const words = (argv as string[]).slice(1);
    if (words.length === 0) throw new Failure('no command to run', {hints: [`flanctl lab exec ${args.place} -- ip route`]});
    const [{attachIn}, {loadLab}] = await Promise.all([import('../../edge/lab/exec.js'), import('../../edge/lab/state.js')]);
    process.exitCode = await attachIn(await loadLab(flags.name), args.place, words);
  }
}
