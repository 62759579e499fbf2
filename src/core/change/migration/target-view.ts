import {type Lease, leaseOf} from '../../flannel/lease.js';
import type {Link} from '../../kernel/link.js';
import type {Cluster, Member} from '../../model/cluster.js';
import {type NodeView, view} from '../../model/view.js';
import {modeOf} from '../../modes/index.js';
import type {Mode} from '../../modes/mode.js';
import type {Family, Mac} from '../../net/address.js';
import type {NodeState} from '../../node/state.js';
import type {Target} from '../plan.js';

const families: readonly Family[] = [4, 6];

/** The cluster as it will be: its nodes, addresses and subnets as now, its mode and tunnel devices the target's. */
export function targetCluster(
  cluster: Cluster,
  {type, settings}: Target,
  macOf: (node: string, family: Family) => Mac,
): Cluster | undefined {
  const mode = modeOf(type);
  if (!mode) return undefined;
  const {unrolled: _, ...rest} = cluster;
  const members = cluster.members.map((member, i) => {
    const lease = member.lease && targetLease(member, {...member.lease, ...keyOf(type, cluster, i)}, mode, mode.devices(settings), macOf);
    return lease ? {...member, mode, lease} : member;
  });
  // Configured and not derived: nothing about the target is in doubt.
  return {...rest, mode, settings, members, configuredBy: 'net-conf'};
}

/** WireGuard's key is made by flanneld, at its start: until then a word stands for it, by which the proof tells the peers apart. */
const keyOf = (type: string, {mode}: Cluster, i: number): Pick<Lease, 'publicKey'> =>
  modeOf(type)?.encrypts === 'keys' && mode?.type !== type ? {publicKey: `${`flanctl${i}`.padEnd(42, 'x')}A=`} : {};

/** A device of the target's name that is there already keeps its hardware address, as with flanneld (flannel-backends.md §2.1). */
function targetLease(member: Member, lease: Lease, mode: Mode, devices: ReturnType<Mode['devices']>, macOf: (n: string, f: Family) => Mac) {
  const {vtepMAC: _, vtepMACv6: __, ...rest} = lease;
  const mac = (family: Family): Mac | undefined => {
    const name = devices.find((d) => d.family === family)?.name;
    if (name === undefined || leaseOf(lease, family) === undefined) return undefined;
    return tunnelOf(member.survey.links, name)?.address ?? macOf(member.name, family);
  };
  const [v4, v6] = families.map(mac);
  return {...rest, backendType: mode.type, ...(v4 !== undefined && {vtepMAC: v4}), ...(v6 !== undefined && {vtepMACv6: v6})};
}

const tunnelOf = (links: readonly Link[], name: string): Link | undefined => links.find((l) => l.ifname === name && l.kind === 'vxlan');

/** What the node has beside what the target asks of it. */
export const targetView = (target: Cluster, state: NodeState): NodeView => view(target, state);
