import type {Address} from '../kernel/address.js';
import type {Link} from '../kernel/link.js';
import {contains} from '../net/prefix.js';
import type {PodState} from '../node/state.js';
import type {NodeView} from './view.js';

/** One interface of a pod and the node's end of it. */
export interface PodPort {
  readonly pod: PodState;
  readonly eth: Link;
  /** The veth on the node; undefined when the links do not tell. */
  readonly host?: Link;
  /** Global addresses of the interface. */
  readonly addresses: readonly Address[];
}

/** Pods whose interface hangs on flannel's bridge or holds an address of the pod network; other containers of the node are not flannel's. */
export function podPorts({state, bridge, cluster}: NodeView): readonly PodPort[] {
  // k3s writes ::/0 for a family that is off.
  const networks = cluster.networks.filter((n) => !n.endsWith('/0'));
  const byIndex = new Map(
    (state.tables.link ?? []).flatMap((link) =>
      link.ifindex === undefined || link.kind !== 'veth' ? [] : [[link.ifindex, link] as const],
    ),
  );
  return (state.pods ?? []).flatMap((pod) =>
    (pod.tables.link ?? []).flatMap((eth): PodPort[] => {
      if (eth.kind !== 'veth' || eth.link_index === undefined) return [];
      const found = byIndex.get(eth.link_index);
      // Indexes repeat from namespace to namespace: only a pair that names each other is a pair.
      const host = found?.link_index === eth.ifindex ? found : undefined;
      const addresses = (pod.tables.address ?? []).filter((a) => a.dev === eth.ifname && a.scope === 'global');
      const inside = addresses.some((a) => networks.some((n) => contains(n, a.local)));
      return host?.master === bridge || inside ? [{pod, eth, ...(host && {host}), addresses}] : [];
    }),
  );
}

/** The node's ports on the bridge. */
export const bridgePorts = ({state, bridge}: NodeView): readonly Link[] =>
  (state.tables.link ?? []).filter((link) => link.master === bridge && link.kind === 'veth');
