import {selects} from '../../core/forwarding/lookup.js';
import type {Rule} from '../../core/kernel/rule.js';
import {rule} from '../../core/kernel/rule.js';
import {ShowCommand} from '../../show-command.js';

export default class ShowRules extends ShowCommand<Rule> {
  static override summary = 'policy routing rules of every node';
  static override examples = [{description: 'One node', command: '<%= config.bin %> show rules --lab demo --node n1'}];
  protected readonly table = 'rule';
  protected readonly columns = ['family', 'priority', 'rule'];

  protected cells(row: Rule) {
    return {family: `IPv${row.family}`, priority: row.priority, rule: rule.show(row).replace(/^\d+:\s*/, '')};
  }

  protected override concerns(row: Rule, address: string): boolean {
    return (row.family === 6) === address.includes(':') && selects(row, {dst: address}) !== false;
  }
}
