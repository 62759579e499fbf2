import type {Fdb} from '../../core/kernel/fdb.js';
import {ShowCommand} from '../../show-command.js';

export default class ShowFdb extends ShowCommand<Fdb> {
  static override summary = 'bridge and tunnel forwarding entries of every node';
  static override examples = [
    {description: 'Where the tunnel sends frames', command: '<%= config.bin %> show fdb --lab demo --dev flannel.1'},
  ];
  protected readonly table = 'fdb';
  protected readonly columns = ['mac', 'dev', 'dst', 'master', 'vlan', 'state', 'flags'];

  protected cells(row: Fdb) {
    return {
      mac: row.mac,
      dev: row.dev,
      dst: row.dst,
      master: row.master,
      vlan: row.vlan,
      state: row.state || 'dynamic',
      flags: row.flags.join(' '),
    };
  }
}
