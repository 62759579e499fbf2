import type {NodeState} from '../../node/state.js';
import type {PodLinkOperation} from '../operation.js';
import {type Kind, quoted, unsafe} from './kind.js';
import {inPod} from './pod-namespace.js';

const mtuOf = (state: NodeState, {pod, dev}: PodLinkOperation): number | undefined =>
  state.pods?.find((p) => p.name === pod)?.tables.link?.find((l) => l.ifname === dev)?.mtu;

export const podLink: Kind<PodLinkOperation> = {
  words: ({pod, dev, to}) => [inPod(pod, `ip link set dev ${quoted(dev)} mtu ${to}`)],
  inverse: (op) => [{...op, to: op.before, before: op.to}],
  expects(op, state) {
    if (state.pods === undefined) return 'the pods were not looked at';
    const now = mtuOf(state, op);
    if (now === undefined) return `pod ${op.pod} has no ${op.dev}`;
    return now === op.before ? unsafe(op.dev) : `the MTU of ${op.dev} in pod ${op.pod} is ${now}, was ${op.before}`;
  },
  effect: (op, state) =>
    state.pods === undefined
      ? state
      : {
          ...state,
          pods: state.pods.map((pod) =>
            pod.name !== op.pod || pod.tables.link === undefined
              ? pod
              : {...pod, tables: {...pod.tables, link: pod.tables.link.map((l) => (l.ifname === op.dev ? {...l, mtu: op.to} : l))}},
          ),
        },
  took(op, state) {
    const now = mtuOf(state, op);
    return now === op.to ? undefined : `the MTU of ${op.dev} in pod ${op.pod} is ${now ?? 'not known'}, should be ${op.to}`;
  },
  irreversible: () => undefined,
  show: ({pod, dev, to, before}) => `set MTU of ${dev} in pod ${pod} to ${to} (was: ${before})`,
};
