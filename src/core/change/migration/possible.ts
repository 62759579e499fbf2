import {leaseOf} from '../../flannel/lease.js';
import type {Cluster} from '../../model/cluster.js';
import {modeOf} from '../../modes/index.js';
import type {Target} from '../plan.js';
import type {MigrationOptions} from './options.js';

/** Backends that can be left and not entered, and what a target needs of the cluster; each with the reason. */
export function impossible({type, settings}: Target, {members, mode}: Cluster, control: MigrationOptions['control']): readonly string[] {
  const target = modeOf(type);
  if (target?.noTarget !== undefined && mode?.type !== type) return [`--to ${type}: ${target.noTarget}`];
  if (mode?.elsewhere)
    return [`the cluster runs ${mode.type}: what its routes are made by is not flannel, and flanctl cannot say what a change would lose`];
  const six = members.filter((m) => m.lease && leaseOf(m.lease, 6)).map((m) => m.name);
  if (target?.noIPv6 && six.length > 0)
    return [`--to ${type}: flannel's ${type} has no IPv6, and pods of ${six.slice(0, 3).join(', ')} have`];
  if (target?.devicesBy === 'start' && mode?.type !== type) {
    if (control === 'none')
      return [
        `--to ${type}: flanneld makes its key and its device itself when it starts, so that somebody has to start it with the new configuration: --controller systemd, k3s or kube`,
      ];
    // On the way to wireguard that is before anything else could carry packets.
    const lost = mode?.endsWith;
    if (lost !== undefined)
      return [
        `--to ${type}: flanneld has to be restarted before the new path is there, and that ends ${lost}: every pair would lose packets; go to vxlan or host-gw first, and from there to wireguard`,
      ];
    if ((settings.wgMode ?? 'separate') !== 'separate')
      return [`--to ${type}: only its mode "separate" is known to survive a change, not ${settings.wgMode}`];
  }
  return [];
}
