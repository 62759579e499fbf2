import type {NodeTables} from '../../kernel/index.js';
import type {NodeState, PodState} from '../../node/state.js';

export const podOf = (state: NodeState, name: string): PodState | undefined => state.pods?.find((p) => p.name === name);

/** The state with other tables in one pod; pods that were not looked at stay so. */
export const inOnePod = (state: NodeState, name: string, change: (tables: NodeTables) => NodeTables): NodeState =>
  state.pods === undefined
    ? state
    : {...state, pods: state.pods.map((pod) => (pod.name === name ? {...pod, tables: change(pod.tables)} : pod))};
