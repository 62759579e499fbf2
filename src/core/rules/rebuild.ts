import {leaseOf} from '../flannel/lease.js';
import {linkDelete, vxlanAdd} from '../kernel/commands.js';
import type {Link} from '../kernel/link.js';
import type {Cluster} from '../model/cluster.js';
import type {NodeView} from '../model/view.js';
import type {Want} from '../modes/mode.js';
import type {Family, Mac} from '../net/address.js';
import {baseOf} from '../net/prefix.js';
import {replayRows, step} from './remedy.js';
import type {Step} from './rule.js';

/** The hardware address that most peers hold for the node's tunnel end: what it published, as far as it can be seen without an API. */
export function publishedMac(
  {claims, members}: Cluster,
  node: string,
  family: Family,
): {readonly mac: Mac; readonly nodes: readonly string[]; readonly of: number} | undefined {
  const lease = members.find((m) => m.name === node)?.lease;
  const own = lease && leaseOf(lease, family);
  const said = own && claims.neigh.get(baseOf(own.subnet));
  if (!said) return undefined;
  const votes = [...said].map(([mac, nodes]) => ({mac, nodes: nodes.filter((name) => name !== node)}));
  const of = votes.reduce((sum, v) => sum + v.nodes.length, 0);
  const [first] = votes.toSorted((a, b) => b.nodes.length - a.nodes.length);
  return first === undefined || first.nodes.length === 0 ? undefined : {...first, of};
}

/**
 * Makes the tunnel device anew, with the hardware address its peers already send to, so that they need no change, and writes its
 * rows. `old` goes first: its port or number cannot be changed in place.
 */
export function rebuildDevice({name, cluster, expected}: NodeView, want: Want<Link>, old?: string): readonly Step[] {
  const address = publishedMac(cluster, name, want.family)?.mac ?? want.row.address;
  const device: Link = {...want.row, ...(address !== undefined && {address})};
  return [
    ...(old === undefined ? [] : [step(name, linkDelete(old))]),
    ...vxlanAdd(device).map((words) => step(name, words)),
    ...(expected ? replayRows(name, expected, (dev) => dev === device.ifname) : []),
  ];
}
