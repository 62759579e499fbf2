import type {Neigh} from '../../core/kernel/neigh.js';
import {ShowCommand} from '../../show-command.js';

export default class ShowNeigh extends ShowCommand<Neigh> {
  static override summary = 'neighbours of every node';
  static override examples = [{description: "The tunnel's neighbours", command: '<%= config.bin %> show neigh --lab demo --dev flannel.1'}];
  protected readonly table = 'neigh';
  protected readonly columns = ['dst', 'dev', 'lladdr', 'state'];

  protected cells(row: Neigh) {
    return {dst: row.dst, dev: row.dev, lladdr: row.lladdr, state: row.state.join(' ')};
  }
}
