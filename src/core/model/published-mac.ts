import {leaseOf} from '../flannel/lease.js';
import type {Family, Mac} from '../net/address.js';
import {baseOf} from '../net/prefix.js';
import type {Cluster} from './cluster.js';

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
