import {type Lease, leaseOf} from '../../flannel/lease.js';
import type {Cluster, Member} from '../../model/cluster.js';
import {publishedMac} from '../../model/published-mac.js';
import type {Mode, Settings} from '../../modes/mode.js';
import type {Family, Mac} from '../../net/address.js';

/**
 * The cluster with a hardware address for every tunnel end: of a node whose device is gone the one that its peers still send to, so that they
 * need no change; else one that is chosen.
 */
export function complete(cluster: Cluster, macOf: (node: string, family: Family) => Mac): Cluster {
  const {mode, settings} = cluster;
  if (!mode || !settings || mode.devices(settings).length === 0) return cluster;
  const members = cluster.members.map((member) => {
    const lease = member.lease && withMacs(cluster, member, member.lease, mode, settings, macOf);
    return lease === undefined || lease === member.lease ? member : {...member, lease};
  });
  return members.every((m, i) => m === cluster.members[i]) ? cluster : {...cluster, members};
}

const macIn = ({lease}: Member, family: Family): Mac | undefined => (family === 4 ? lease?.vtepMAC : lease?.vtepMACv6);

function withMacs(
  cluster: Cluster,
  {name}: Member,
  lease: Lease,
  mode: Mode,
  settings: Settings,
  macOf: (node: string, family: Family) => Mac,
): Lease {
  const chosen = (family: Family, held: Mac | undefined): Mac | undefined => {
    // Of two nodes with one address, the copy goes back to what it published before.
    const twin = held !== undefined && cluster.members.some((m) => m.name !== name && macIn(m, family) === held);
    if (twin) return publishedMac(cluster, name, family)?.mac ?? held;
    if (held !== undefined || leaseOf(lease, family) === undefined || !mode.devices(settings).some((d) => d.family === family)) return held;
    return publishedMac(cluster, name, family)?.mac ?? macOf(name, family);
  };
  const [v4, v6] = [chosen(4, lease.vtepMAC), chosen(6, lease.vtepMACv6)];
  if (v4 === lease.vtepMAC && v6 === lease.vtepMACv6) return lease;
  return {...lease, ...(v4 !== undefined && {vtepMAC: v4}), ...(v6 !== undefined && {vtepMACv6: v6})};
}
