import {type Neigh, neighCommandArgs, neigh as table} from '../../kernel/neigh.js';
import type {NodeState} from '../../node/state.js';
import type {PodNeighOperation} from '../operation.js';
import {type Kind, type Line, unsafe} from './kind.js';
import {inPod} from './pod-namespace.js';
import {inOnePod, podOf} from './pod-state.js';

type Row = Pick<Neigh, 'dst' | 'dev'>;
const same = (a: Row, b: Row): boolean => a.dst === b.dst && a.dev === b.dev;
const pinned = (row: Neigh | undefined): boolean => row?.state.includes('PERMANENT') === true;
const heldBy = (state: NodeState, pod: string, row: Row): Neigh | undefined =>
  podOf(state, pod)?.tables.neigh?.find((n) => same(n, row) && n.lladdr !== undefined && !n.state.includes('FAILED'));

const set = (pod: string, row: Neigh): Line => inPod(pod, `ip neigh replace ${neighCommandArgs(row)}`);
/** One that packets made is asked for again. */
const back = ({pod, row, before}: PodNeighOperation): Line =>
  before === undefined
    ? inPod(pod, `ip neigh del ${row.dst} dev ${row.dev}`)
    : set(pod, pinned(before) ? {...before, state: ['PERMANENT']} : {...before, state: ['STALE']});

export const podNeigh: Kind<PodNeighOperation> = {
  words: ({pod, row}) => [set(pod, row)],
  inverse: (op) => (op.before === undefined ? [] : [{...op, row: op.before, before: op.row}]),
  undo: (op) => [back(op)],
  expects({pod, row, before}, state) {
    if (state.pods === undefined) return 'the pods were not looked at';
    if (podOf(state, pod)?.tables.neigh === undefined) return `the neighbours of pod ${pod} were not read`;
    const now = heldBy(state, pod, row);
    if (now?.lladdr !== before?.lladdr)
      return `neighbour ${row.dst} of pod ${pod} has ${now?.lladdr ?? 'no address'}, had ${before?.lladdr ?? 'none'}`;
    return unsafe(row.dev);
  },
  effect: ({pod, row}, state) =>
    inOnePod(state, pod, (tables) => ({...tables, neigh: [...(tables.neigh ?? []).filter((n) => !same(n, row)), row]})),
  took({pod, row}, state) {
    const now = heldBy(state, pod, row);
    return now?.lladdr === row.lladdr && pinned(now) === pinned(row)
      ? undefined
      : `neighbour ${row.dst} of pod ${pod} has ${now?.lladdr ?? 'no address'}`;
  },
  irreversible: () => undefined,
  show: ({pod, row, before}) =>
    `set neighbour ${table.show(row)} in pod ${pod}${before === undefined ? '' : ` (was: ${table.show(before)})`}`,
};
