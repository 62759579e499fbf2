import {BaseCommand, outputFlag, withEnv} from '../base-command.js';
import {historyReport} from '../edge/change/history.js';
import {liveAgents} from '../edge/change/live-agents.js';
import {savedIds} from '../edge/change/local-journal.js';
import {remember} from '../edge/change/rollback.js';
import {evidenceFlags} from '../edge/evidence.js';

export default class History extends BaseCommand {
  static override summary = 'the changes that nodes and this machine remember, newest first';
  static override description =
    'What each node has in its own journal, whoever made the change and from wherever; without a source, what this machine has done.';
  static override examples = [
    {description: 'What was done to a cluster', command: '<%= config.bin %> history --inventory nodes.yaml'},
    {description: 'What was done from here', command: '<%= config.bin %> history'},
  ];
  static override flags = withEnv({...evidenceFlags, output: outputFlag()});

  async run(): Promise<void> {
    const {flags} = await this.parse(History);
    const named = [flags.snapshot, flags.inventory, flags.lab].some((f) => f !== undefined) || flags.local;
    const ids = await savedIds();
    if (!named) {
      const report = await historyReport(ids, undefined);
      await this.emit('HistoryReport', report, flags.output);
      return;
    }
    await using live = await liveAgents(flags, {signal: this.interrupted.signal, quiet: this.quiet, notice: (m) => this.notice(m)});
    const report = await historyReport(ids, await remember(live.agents, live.reach.concurrency));
    await this.emit('HistoryReport', report, flags.output);
    process.exitCode = report.exit;
  }
}
