import type {Route} from '../../kernel/route.js';
import type {Family} from '../../net/address.js';
import {familyOf} from '../../net/address.js';
import {hostOf, tryPrefix} from '../../net/prefix.js';
import type {ExpectContext, Expected, Mode, Want} from '../mode.js';
import {readSettings} from '../settings.js';

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

/** A backend of flannel's that writes one row per node into a cloud's route table, and nothing on the node (model/cloud-modes.md §1.2). */
export function cloudBackend(mode: Pick<Mode, 'type' | 'title' | 'explain'>): Mode {
  return {
    ...mode,
    neighbours: false,
    traces: 'none',
    fabric: 'routes',
    settings: () => readSettings({}),
    overhead: () => 0,
    devices: () => [],
    ownsDevice: () => false,
    podMtu: (_settings, uplinkMtu) => uplinkMtu,
    publishes: () => ({}),
    named: () => mode.type,
    // Nothing on the node tells one cloud's backend from another's, or from alloc: only the configuration does.
    detect: () => undefined,
    // No route to any peer: one would stand before the cloud's row.
    expect: (): Expected => ({link: [], address: [], route: [], neigh: [], fdb: []}),
  };
}
