import {leaseOf} from '../../flannel/lease.js';
import type {Cluster} from '../../model/cluster.js';
import {modeOf} from '../../modes/index.js';
import type {Target} from '../plan.js';
import type {MigrationOptions} from './options.js';

const why: {readonly [type: string]: string} = {
  udp: 'flannel sends every packet through a process in it, and a cluster that leaves it later loses all packets of a node while that restarts: it is no target',
  ipsec:
    "its policies are in force before charon has agreed on keys, so each pair would lose seconds, and flanctl cannot see charon's part",
  alloc: 'it carries no packets: whoever makes its routes is not flannel',
  extension: 'what its commands do cannot be known before they run',
};

/** What goes with the flanneld that ends, which on the way to wireguard is before anything else could carry packets. */
const gone: {readonly [type: string]: string} = {
  udp: 'takes flannel0 and its route along',
  ipsec: 'ends charon and its associations',
};

/** Backends that can be left and not entered, and what a target needs of the cluster; each with the reason. */
export function impossible({type, settings}: Target, {members, mode}: Cluster, control: MigrationOptions['control']): readonly string[] {
  if (why[type] !== undefined && mode?.type !== type) return [`--to ${type}: ${why[type]}`];
  if (mode?.type === 'alloc' || mode?.type === 'extension')
    return [`the cluster runs ${mode.type}: what its routes are made by is not flannel, and flanctl cannot say what a change would lose`];
  const six = members.filter((m) => m.lease && leaseOf(m.lease, 6)).map((m) => m.name);
  if (type === 'ipip' && six.length > 0) return [`--to ipip: flannel's ipip has no IPv6, and pods of ${six.slice(0, 3).join(', ')} have`];
  if (modeOf(type)?.devicesBy === 'start' && mode?.type !== type) {
    if (control === 'none')
      return [
        `--to ${type}: flanneld makes its key and its device itself when it starts, so that somebody has to start it with the new configuration: --controller systemd or kube`,
      ];
    const lost = gone[mode?.type ?? ''];
    if (lost !== undefined)
      return [
        `--to ${type}: flanneld has to be restarted before the new path is there, and that ${lost}: every pair would lose packets; go to vxlan or host-gw first, and from there to wireguard`,
      ];
    if ((settings.wgMode ?? 'separate') !== 'separate')
      return [`--to ${type}: only its mode "separate" is known to survive a change, not ${settings.wgMode}`];
  }
  return [];
}
