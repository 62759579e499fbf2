import {attachmentsOf} from '../core/model/attachment.js';
import type {Cluster} from '../core/model/cluster.js';
import {type Family, widthOf} from '../core/net/address.js';
import {podBridge} from '../core/node/pod-bridge.js';
import type {NodeState} from '../core/node/state.js';
import {type Endpoint, inferPod} from '../core/path/endpoint.js';
import {subnetOf} from '../core/path/fabric/owner.js';
import {asListed} from '../core/path/listed.js';

type Inferred = ReturnType<typeof inferPod>;

/** The ends that are pods and were not gathered, as the CNI would have made them; of one node each behind a port of its own. */
export function inferredEnds(
  cluster: Cluster,
  ends: readonly Endpoint[],
  family: Family,
  loaded: ReadonlyMap<string, NodeState>,
): readonly Inferred[] {
  const made: Inferred[] = [];
  for (const end of ends) {
    const address = end.addresses[family];
    const state = end.node === undefined ? undefined : loaded.get(end.node);
    if (end.kind !== 'pod' || end.pod !== undefined || address === undefined || !state) continue;
    const hangs = attachmentsOf(state).find((a) => a.address === address);
    // Whose namespace holds a network interface of its own: nothing of it is on the node.
    if (hangs?.kind.startsWith('exclusive')) continue;
    const member = cluster.members.find((m) => m.name === end.node);
    const alone = hangs !== undefined && hangs.kind !== 'bridge' ? `${address}/${widthOf(family)}` : undefined;
    const subnet = alone ?? (member && subnetOf(member, family));
    if (subnet === undefined) continue;
    const taken = made.flatMap((m) => (m.place.node === state.name ? [m.port] : []));
    made.push(inferPod(asListed(state), subnet, address, podBridge(state), taken));
  }
  return made;
}
