import type {PodRecord, Records} from '../flannel/records.js';
import {type Attachment, attachmentsOf} from '../node/attachment.js';
import type {NodeView} from './view.js';

const indexes = new WeakMap<Records, ReadonlyMap<string, readonly PodRecord[]>>();

/** The pods that the API server has on a node of this name there; those on the node's own network, or at their end, are not among them. */
export function podsOnNode(records: Records | undefined, node: string): readonly PodRecord[] {
  if (records?.pods === undefined) return [];
  let index = indexes.get(records);
  if (!index) {
    const made = new Map<string, PodRecord[]>();
    for (const pod of records.pods) {
      if (pod.node === undefined || pod.hostNetwork || (pod.phase !== 'Running' && pod.phase !== 'Pending')) continue;
      const held = made.get(pod.node);
      if (held) held.push(pod);
      else made.set(pod.node, [pod]);
    }
    index = made;
    indexes.set(records, made);
  }
  return index.get(node) ?? [];
}

const known = new WeakMap<NodeView['state'], {readonly of: Records | undefined; readonly made: readonly Attachment[]}>();

/** How the pods of a node hang on it, those included that only the API server knows. */
export function attachmentsIn({state, name, member, cluster: {records}}: Pick<NodeView, 'state' | 'name' | 'member' | 'cluster'>) {
  const kept = known.get(state);
  if (kept && kept.of === records) return kept.made;
  const made = attachmentsOf(state, podsOnNode(records, member.record?.name ?? name));
  known.set(state, {of: records, made});
  return made;
}
