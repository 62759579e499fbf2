import {type Route, route as table} from '../../kernel/route.js';
import type {NodeState} from '../../node/state.js';
import type {PodRouteOperation} from '../operation.js';
import {type Kind, unsafe} from './kind.js';
import {inPod} from './pod-namespace.js';
import {inOnePod, podOf} from './pod-state.js';
import {listed} from './route.js';

const held = (state: NodeState, pod: string, row: Route): Route | undefined =>
  podOf(state, pod)?.tables.route?.find(
    (r) => r.dst === row.dst && r.table === row.table && r.metric === row.metric && r.family === row.family,
  );

export const podRoute: Kind<PodRouteOperation> = {
  words: ({pod, row}) => [inPod(pod, `ip route add ${table.show(row)}`)],
  // Nothing but the undo takes it away again: what a pod has is its plugin's.
  inverse: () => [],
  undo: ({pod, row}) => [inPod(pod, `ip route del ${table.show(row)}`)],
  expects({pod, row}, state) {
    if (state.pods === undefined) return 'the pods were not looked at';
    if (podOf(state, pod)?.families.route?.has(row.family) !== true) return `the routes of pod ${pod} were not read`;
    const found = held(state, pod, row);
    return found === undefined ? unsafe(row.dev) : `route ${table.show(found)} is there in pod ${pod}`;
  },
  effect: ({pod, row}, state) => inOnePod(state, pod, (tables) => ({...tables, route: [...(tables.route ?? []), listed(row)]})),
  took: ({pod, row}, state) => (held(state, pod, row) === undefined ? `route ${table.show(row)} is not there in pod ${pod}` : undefined),
  irreversible: () => undefined,
  show: ({pod, row}) => `add route ${table.show(row)} in pod ${pod}`,
};
