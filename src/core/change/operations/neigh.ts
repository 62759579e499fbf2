import {type Neigh, neighCommandArgs, neigh as table} from '../../kernel/neigh.js';
import type {Line} from './kind.js';
import {rowKind} from './row.js';

const ip = (text: string): Line => ({tool: 'ip', text});

/** Learnt from packets: the kernel makes and drops such rows by itself. */
const fleeting = (row: Neigh): boolean => row.proxy !== true && !row.state.includes('PERMANENT') && !row.state.includes('NOARP');

export const neigh = rowKind('neigh', {
  name: 'neighbour',
  is: (a, b) => a.dst === b.dst && a.dev === b.dev && (a.proxy ?? false) === (b.proxy ?? false),
  equal: (a, b) => a.lladdr === b.lladdr && fleeting(a) === fleeting(b) && (a.router ?? false) === (b.router ?? false),
  show: table.show,
  dev: (row) => row.dev,
  fleeting,
  put(row) {
    if (!fleeting(row)) return [ip(`neigh replace ${neighCommandArgs(row)}`)];
    // Whatever it was a moment ago, it is to be asked for again; without an answer it is as good as not there.
    return [
      row.lladdr === undefined
        ? ip(`neigh del ${row.dst} dev ${row.dev}`)
        : ip(`neigh replace ${neighCommandArgs({...row, state: ['STALE']})}`),
    ];
  },
  // `ip neigh` ends the whole process where the kernel refuses (ipneigh_modify: exit), so that the rest of a batch would not run.
  lenient: ({text}) => ({tool: 'sh', text: `ip ${text}`}),
  drop: (row) => [ip(`neigh del ${row.proxy ? 'proxy ' : ''}${row.dst} dev ${row.dev}`)],
});
