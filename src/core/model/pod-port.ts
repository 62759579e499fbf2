import type {Link} from '../kernel/link.js';
import {contains} from '../net/prefix.js';
import {type PodEnd, podEnds} from '../node/pod-ends.js';
import type {NodeView} from './view.js';

/** Pods whose interface hangs on flannel's bridge or holds an address of the pod network; other containers of the node are not flannel's. */
export function podPorts({state, bridge, cluster}: NodeView): readonly PodEnd[] {
  // k3s writes ::/0 for a family that is off.
  const networks = cluster.networks.filter((n) => !n.endsWith('/0'));
  return podEnds(state).filter(
    ({eth, host, addresses}) =>
      eth.kind === 'veth' &&
      eth.link_index !== undefined &&
      (host?.master === bridge || addresses.some((a) => networks.some((n) => contains(n, a.local)))),
  );
}

/** The node's ports on the bridge. */
export const bridgePorts = ({state, bridge}: NodeView): readonly Link[] =>
  (state.tables.link ?? []).filter((link) => link.master === bridge && link.kind === 'veth');
