import {Flags} from '@oclif/core';
import {BaseCommand, outputFlag, withEnv} from '../base-command.js';
import {initialize} from '../edge/init/init.js';
import {recordFlags} from '../edge/record-flags.js';
import {ExitCode} from '../exit-code.js';

export default class Init extends BaseCommand {
  static override readonly configurable = false;
  static override summary = 'write flanctl.yaml, and an inventory, from what can be found';
  static override description =
    'Looks where the flags say, else for the API server that kubectl would take, else at this machine; reads the nodes, and writes what brings flanctl there again. Asks on a terminal what it cannot find out; never writes over a file without --force.';
  static override examples = [
    {description: 'The cluster kubectl is set to', command: '<%= config.bin %> init'},
    {
      description: 'Also a list of its nodes, to reach them over SSH when the API server is down',
      command: '<%= config.bin %> init --context prod --write-inventory nodes.yaml --ssh-user root',
    },
    {description: 'Nodes that are listed already', command: '<%= config.bin %> init --inventory nodes.yaml'},
  ];
  static override flags = withEnv({
    ...recordFlags,
    inventory: Flags.string({summary: 'nodes and how to reach them, from a file that is there', helpValue: 'FILE', helpGroup: 'SOURCE'}),
    timeout: Flags.integer({summary: 'seconds one call may take', default: 20, min: 1, max: 3600}),
    file: Flags.string({char: 'f', summary: 'configuration file to write', helpValue: 'FILE', default: 'flanctl.yaml'}),
    'write-inventory': Flags.string({
      summary: 'also write an inventory of the nodes that were found',
      helpValue: 'FILE',
      exclusive: ['inventory'],
    }),
    'ssh-user': Flags.string({
      summary: 'who logs in on them; unless told, as ssh_config says',
      helpValue: 'NAME',
      dependsOn: ['write-inventory'],
    }),
    'ssh-port': Flags.integer({summary: 'likewise', helpValue: 'PORT', min: 1, max: 65_535, dependsOn: ['write-inventory']}),
    'ssh-config': Flags.string({summary: 'ssh_config to use instead of your own', helpValue: 'FILE'}),
    force: Flags.boolean({summary: 'write over files that are there'}),
    output: outputFlag(),
  });

  async run(): Promise<void> {
    const {flags} = await this.parse(Init);
    const report = await initialize(flags, this.interrupted.signal);
    await this.emit('InitReport', report, flags.output);
    process.exitCode = report.gaps.length > 0 ? ExitCode.incomplete : ExitCode.ok;
  }
}
