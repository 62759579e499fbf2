import type {KubeConfigOperation, KubeOperation} from '../operation.js';
import {type Kind, quoted} from './kind.js';

const done = (op: KubeOperation): string =>
  op.do === 'config'
    ? `${op.wait ? 'wait for' : 'write'} ${op.key} of ConfigMap ${op.namespace}/${op.name}`
    : `delete the pod of DaemonSet ${op.namespace}/${op.daemonSet} on ${op.node}, wait until flannel runs ${op.to} there`;

/** Going back nobody is in the way. */
const back = (op: KubeConfigOperation): KubeConfigOperation => ({
  ...op,
  to: op.before,
  before: op.to,
  types: [op.types[1], op.types[0]],
  nodes: [],
});

/** The node runs nothing; its journal keeps the words, and the operation beside them. */
export const kube: Kind<KubeOperation> = {
  words: (op) => [{tool: 'sh', text: `: ${quoted(done(op))}`}],
  inverse: (op) => (op.do === 'config' ? [back(op)] : [{...op, to: op.before, before: op.to, config: back(op.config)}]),
  expects: () => undefined,
  effect: (_, state) => state,
  took: () => undefined,
  irreversible: () => undefined,
  show: done,
};
