import {Args} from '@oclif/core';
import {BaseCommand, outputFlag, withEnv} from '../base-command.js';
import {explainIndex, explainTopic} from '../edge/explain.js';
import {Failure} from '../failure.js';

export default class Explain extends BaseCommand {
  static override summary = 'what a finding or a mode means; without a topic, the list of all';
  static override examples = [
    {description: 'A rule', command: '<%= config.bin %> explain route-missing'},
    {description: "A mode, with the packet's way", command: '<%= config.bin %> explain vxlan'},
  ];
  static override args = {topic: Args.string({description: 'a rule id or a mode'})};
  static override flags = withEnv({output: outputFlag()});

  async run(): Promise<void> {
    const {args, flags} = await this.parse(Explain);
    if (args.topic === undefined) return this.emit('ExplainReport', explainIndex(), flags.output);
    const found = await explainTopic(args.topic);
    if (found.kind === 'unknown')
      throw new Failure(`no rule and no mode is called ${args.topic}`, {
        hints: [...(found.near.length > 0 ? [`did you mean ${found.near.join(' or ')}?`] : []), 'flanctl explain lists all'],
      });
    await this.emit('ExplainReport', found.report, flags.output);
  }
}
