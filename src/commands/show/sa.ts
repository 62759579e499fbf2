import type {XfrmState} from '../../core/kernel/xfrm.js';
import {ShowCommand} from '../../show-command.js';

export default class ShowSa extends ShowCommand<XfrmState> {
  static override summary = 'IPsec security associations of every node, without keys';
  static override examples = [{description: 'Which tunnels have keys', command: '<%= config.bin %> show sa --lab demo'}];
  protected readonly table = 'sa';
  protected readonly columns = ['src', 'dst', 'proto', 'spi', 'reqid', 'mode', 'encap'];

  protected override concerns(row: XfrmState, address: string) {
    return row.src === address || row.dst === address;
  }

  protected cells(row: XfrmState) {
    return {
      src: row.src,
      dst: row.dst,
      proto: row.proto,
      spi: `0x${row.spi.toString(16).padStart(8, '0')}`,
      reqid: row.reqid,
      mode: row.mode,
      encap: row.encap && `${row.encap.type} ${row.encap.dport}`,
    };
  }
}
