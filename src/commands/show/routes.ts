import {destination} from '../../core/kernel/commands.js';
import type {Route} from '../../core/kernel/route.js';
import {ShowCommand} from '../../show-command.js';

export default class ShowRoutes extends ShowCommand<Route> {
  static override summary = 'routes of every node, all tables, both families';
  static override examples = [
    {description: 'Who routes a pod address where', command: '<%= config.bin %> show routes --lab demo --to 10.244.2.2'},
  ];
  protected readonly table = 'route';
  protected readonly columns = ['table', 'type', 'dst', 'gateway', 'dev', 'metric', 'protocol', 'flags'];

  protected cells(row: Route) {
    const hops = row.nexthops?.map((n) => [n.gateway, n.dev].filter(Boolean).join('%')).join(' ');
    return {
      table: row.table,
      type: row.type,
      dst: destination(row),
      gateway: row.gateway ?? hops,
      dev: row.dev,
      metric: row.metric,
      protocol: row.protocol,
      flags: row.flags.join(' ') || undefined,
    };
  }
}
