import {Args, Flags} from '@oclif/core';
import {BaseCommand, outputFlag, withEnv} from '../base-command.js';
import {forceUnlock} from '../edge/change/force-unlock.js';
import {liveAgents} from '../edge/change/live-agents.js';
import {knownChanges, newestUndoable, remember} from '../edge/change/rollback.js';
import {undoReviewed} from '../edge/change/undoing.js';
import {evidenceFlags} from '../edge/evidence.js';
import {confirm, countYes} from '../edge/ui/confirm.js';
import {ExitCode} from '../exit-code.js';

export default class Rollback extends BaseCommand {
  static override summary = 'undo a change, from the journals on its nodes';
  static override description =
    'Works from any machine that reaches the nodes. Without an id: the newest change that has anything to undo. Exit 0 when every step was taken back and the nodes, read again, show it; 5 when something is left.';
  static override examples = [
    {description: 'The last change, made from this machine', command: '<%= config.bin %> rollback'},
    {description: 'One that was made elsewhere', command: '<%= config.bin %> rollback 20261121-101500-4f2a --inventory nodes.yaml'},
  ];
  static override args = {id: Args.string({description: 'as flanctl history lists it'})};
  static override flags = withEnv({
    ...evidenceFlags,
    output: outputFlag(['html']),
    ttl: Flags.integer({summary: 'seconds after which a node that hears nothing acts by itself', default: 60, min: 2, max: 3600}),
    yes: Flags.boolean({char: 'y', summary: 'do not ask (needed without a terminal)'}),
    'force-unlock': Flags.boolean({summary: 'first end whatever holds the nodes, undoing nothing; asks twice (--yes --yes --yes)'}),
  });

  async run(): Promise<void> {
    const {args, flags} = await this.parse(Rollback);
    const {signal, quiet, notice} = this.operator;
    await using live = await liveAgents(flags, this.operator, args.id);
    const {agents, reach} = live;
    let remembered = await remember(agents, reach.concurrency);
    for (const {lost} of remembered.lost) notice(lost);
    let yes = countYes(this.argv, flags.yes);
    if (flags['force-unlock']) {
      const lines = await forceUnlock(agents, remembered, {yes, signal});
      for (const line of lines) notice(line);
      if (lines.length > 0) yes = Math.max(0, yes - 2);
      remembered = await remember(agents, reach.concurrency);
    }
    const id = args.id ?? newestUndoable(knownChanges(remembered))?.id;
    if (id === undefined) {
      notice(remembered.lost.length === 0 ? 'nothing to undo' : 'nothing to undo on the nodes that were reached');
      process.exitCode = remembered.lost.length === 0 ? ExitCode.ok : ExitCode.incomplete;
      return;
    }
    const change = knownChanges(remembered).find((c) => c.id === id);
    const [known] = change?.by.values() ?? [];
    if (known) {
      const {title, operator, since, nodes} = known.header;
      const question = `Undo ${title} (${id}, ${operator}, ${since}) on ${nodes.join(', ')}?`;
      await confirm([question], {yes, signal});
    }
    const report = await undoReviewed(id, change, remembered, {agents, reach, ttl: flags.ttl, signal, quiet, notice});
    await this.emit('ChangeReport', report, flags.output);
    process.exitCode = report.exit;
  }
}
