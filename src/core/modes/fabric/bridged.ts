import type {Route} from '../../kernel/route.js';
import type {Family} from '../../net/address.js';
import {familyOf} from '../../net/address.js';
import {hostOf, tryPrefix} from '../../net/prefix.js';
import type {ExpectContext, Expected, Mode, Want} from '../mode.js';
import {withoutDevice} from './without-device.js';

/** `C(N) dev B proto kernel scope link src G(N)`, which the kernel makes when the bridge gets its address. */
export function bridgeRoutes({self, here}: ExpectContext): readonly Want<Route>[] {
  if (here === undefined || !here.state.tables.link?.some((l) => l.ifname === here.bridge)) return [];
  return [self.subnet, self.ipv6Subnet].flatMap((subnet): Want<Route>[] => {
    if (subnet === undefined || tryPrefix(subnet) === undefined) return [];
    const family: Family = familyOf(subnet);
    const row: Route = {
      ...{family, table: 'main', type: 'unicast', dst: subnet, dev: here.bridge, metric: family === 6 ? 256 : 0, protocol: 'kernel'},
      ...(family === 4 && {scope: 'link', prefsrc: hostOf(subnet, 1)}),
      flags: [],
    };
    return [{family, row}];
  });
}

/** What tells the clouds' backends of flannel's apart; `between`: what is between the nodes, as a station of the way. */
interface CloudBackend extends Pick<Mode, 'type' | 'title' | 'until'> {
  readonly between: string;
  readonly facts: readonly string[];
}

/** A backend of flannel's that writes one row per node into a cloud's route table, and nothing on the node (model/cloud-modes.md §1.2). */
export function cloudBackend({between, facts, ...mode}: CloudBackend): Mode {
  return {
    ...mode,
    ...withoutDevice,
    traces: 'none',
    fabric: 'routes',
    named: () => mode.type,
    // Nothing on the node tells one cloud's backend from another's, or from alloc: only the configuration does.
    detect: () => undefined,
    // No route to any peer: one would stand before the cloud's row.
    expect: (): Expected => ({link: [], address: [], route: [], neigh: [], fdb: []}),
    explain: {
      summary:
        'flannel gives each node a subnet and writes one row for it into the route table of the cloud; nodes have no routes to each other’s pods.',
      path: [
        "pod-a eth0 → veth → cni0: the pod sends to its gateway, the first address of its node's subnet",
        'node A route: none to SUB(B), so the default route: via the subnet’s gateway dev eth0',
        between,
        'node B route: SUB(B) dev cni0 → veth → pod-b eth0',
      ],
      overhead: "none: pods have the uplink's MTU",
      drawing: {route: 'default via the gateway', carries: 'VPC: SUB(B) → B', before: [], room: 0},
      facts: [
        ...facts,
        'No route to another node’s pods may be on a node: it would stand before the row of the cloud.',
        'Ordinary machines of the network reach pods by the same rows, without being nodes; nodes need not share a link.',
        'The lease names no backend, and flanneld looks at its row once, when it starts.',
      ],
    },
  };
}
