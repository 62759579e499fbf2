import type {Link} from '../kernel/link.js';
import type {Ip} from '../net/address.js';
import type {PodState} from '../node/state.js';

/** A pod's interface with IPv4 addresses, and the node's end where both name each other. */
export interface PodEnd {
  readonly pod: PodState;
  readonly eth: Link;
  readonly host: Link | undefined;
  readonly addresses: readonly Ip[];
}

/** A pod's interfaces with an IPv4 address, and the node's ends. */
export function podEnds(pod: PodState, byIndex: ReadonlyMap<number, Link>): readonly PodEnd[] {
  return (pod.tables.link ?? []).flatMap((eth): PodEnd[] => {
    const addresses = (pod.tables.address ?? [])
      .filter((a) => a.dev === eth.ifname && a.family === 4 && a.scope === 'global')
      .map((a) => a.local);
    if (addresses.length === 0) return [];
    const found = eth.link_index === undefined ? undefined : byIndex.get(eth.link_index);
    const pair = found?.link_index === eth.ifindex && found?.kind === 'veth';
    return [{pod, eth, host: pair ? found : undefined, addresses}];
  });
}
