import type {FamilyLease} from '../flannel/lease.js';
import type {Route} from '../kernel/route.js';
import type {Want} from './mode.js';

/** The plain route to a peer through its public address: host-gw's, and DirectRouting's for peers on the same link. */
export function directRoute(peer: FamilyLease, dev: string): Want<Route> {
  return {
    family: peer.family,
    peer: peer.node,
    row: {
      family: peer.family,
      table: 'main',
      type: 'unicast',
      dst: peer.subnet,
      gateway: peer.publicIP,
      dev,
      // The kernel gives IPv6 routes this metric when none is asked for.
      metric: peer.family === 6 ? 1024 : 0,
      flags: [],
    },
  };
}
