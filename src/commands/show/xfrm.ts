import type {XfrmPolicy} from '../../core/kernel/xfrm.js';
import {contains} from '../../core/net/prefix.js';
import {ShowCommand} from '../../show-command.js';

export default class ShowXfrm extends ShowCommand<XfrmPolicy> {
  static override summary = 'IPsec policies of every node';
  static override examples = [{description: 'What must be encrypted', command: '<%= config.bin %> show xfrm --lab demo --to 10.244.2.2'}];
  protected readonly table = 'xfrm';
  protected readonly columns = ['dir', 'src', 'dst', 'priority', 'action', 'tunnel', 'proto', 'reqid'];

  protected override concerns(row: XfrmPolicy, address: string) {
    return contains(row.src, address) || contains(row.dst, address);
  }

  protected cells(row: XfrmPolicy) {
    const of = (value: (tmpl: XfrmPolicy['tmpl'][number]) => string | number) => row.tmpl.map(value).join(' ') || undefined;
    return {
      dir: row.dir,
      src: row.src,
      dst: row.dst,
      priority: row.priority,
      action: row.action,
      tunnel: of((t) => `${t.src} → ${t.dst}`),
      proto: of((t) => t.proto),
      reqid: of((t) => t.reqid),
    };
  }
}
