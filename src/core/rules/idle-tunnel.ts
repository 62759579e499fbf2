import {type FamilyLease, leaseOf} from '../flannel/lease.js';
import type {Cluster} from '../model/cluster.js';
import type {NodeView} from '../model/view.js';
import type {Family} from '../net/address.js';
import {baseOf} from '../net/prefix.js';
import {isTunnel, rowFor} from './pair.js';
import type {Observation} from './rule.js';

/**
 * Is nothing sent through a node's tunnel, in either direction? With DirectRouting and all nodes on one link flanneld makes the device and
 * gives no peer a route through it (model/flannel-backends.md §2.3): what is wrong with it hurts nobody yet. Goes by the routes that nodes
 * have; a node that lost its own with the device must be asked what it should have, which `idleTunnel` does.
 */
export function unused({settings, members, claims}: Cluster, node: string, family: Family): boolean {
  if (settings?.directRouting !== true) return false;
  return members.every(({name, lease}) => {
    const own = lease && leaseOf(lease, family);
    const senders = own && claims.route.get(own.subnet)?.get(baseOf(own.subnet));
    return name === node ? senders === undefined : senders?.includes(node) !== true;
  });
}

const harmless = {
  severity: 'warning',
  effect: 'none now: no peer is reached through the tunnel (DirectRouting); the next one may be',
} as const;

/** Takes an observation about a tunnel device down to what it does where nothing is sent through it. */
export function idleTunnel({cluster, name, expected}: NodeView, dev: string, family: Family): Pick<Observation, 'severity' | 'effect'> {
  return expected?.route.some((want) => want.row.dev === dev) !== false || !unused(cluster, name, family) ? {} : harmless;
}

/** As `idleTunnel`, for rules that look at the cluster: by the routes that nodes have. */
export const idleIn = (cluster: Cluster, node: string, family: Family): Pick<Observation, 'severity' | 'effect'> =>
  unused(cluster, node, family) ? harmless : {};

/** Does the tunnel carry what this node and a peer send each other, in either direction, by what should be or by what is? */
export function tunnelledWith(view: NodeView, peer: FamilyLease): boolean {
  const {cluster, self, expected} = view;
  const own = self && leaseOf(self, peer.family);
  if (cluster.settings?.directRouting !== true || !own || !expected) return true;
  const wanted = expected.route.find((want) => want.peer === peer.node && want.family === peer.family)?.row.dev;
  const sendsHere = cluster.claims.route.get(own.subnet)?.get(baseOf(own.subnet))?.includes(peer.node) === true;
  return [wanted, rowFor(view, peer.subnet)?.dev].some(isTunnel) || sendsHere;
}
