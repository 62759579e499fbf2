import {leaseOf} from '../flannel/lease.js';
import type {Family, Mac} from '../net/address.js';
import {baseOf} from '../net/prefix.js';
import type {Cluster} from './cluster.js';

/** The hardware address that the node published for its tunnel end: flannel's records say it, else what most peers hold shows it. */
export function publishedMac(
  {claims, members}: Cluster,
  node: string,
  family: Family,
): {readonly mac: Mac; readonly nodes: readonly string[]; readonly of: number} | undefined {
  const {lease, record} = members.find((m) => m.name === node) ?? {};
  const own = lease && leaseOf(lease, family);
  const said = own && claims.neigh.get(baseOf(own.subnet));
  const stated = (family === 4 ? record?.lease.backendData : record?.lease.backendV6Data)?.vtepMAC;
  if (!said) return stated === undefined ? undefined : {mac: stated, nodes: [], of: 0};
  const votes = [...said].map(([mac, nodes]) => ({mac, nodes: nodes.filter((name) => name !== node)}));
  const of = votes.reduce((sum, v) => sum + v.nodes.length, 0);
  if (stated !== undefined) return {mac: stated, nodes: votes.find((v) => v.mac === stated)?.nodes ?? [], of};
  const [first] = votes.toSorted((a, b) => b.nodes.length - a.nodes.length);
  return first === undefined || first.nodes.length === 0 ? undefined : {...first, of};
}
