import {parseNetConf} from '../../flannel/net-conf.js';
import type {Cluster} from '../../model/cluster.js';
import {familyOf} from '../../net/address.js';
import type {MigrationOptions} from './options.js';

/** Releases as `minor * 100 + patch` of v0: the first that watches its device, and the first that makes it anew without a panic. */
const WATCHES = 2704;
const SURVIVES = 2805;

/** What the images of flannel's DaemonSets say by their tags; undefined of those that say nothing, and where none is known. */
function releasesOf({records}: Cluster): readonly (number | undefined)[] {
  const images = records?.daemonSets?.map((set) => set.image) ?? [];
  const found = images.map((image) => {
    const [, minor, patch] = /:v?0\.(\d+)\.(\d+)\b/.exec(image) ?? [];
    return minor === undefined ? undefined : Number(minor) * 100 + Number(patch);
  });
  return found.length > 0 ? found : [undefined];
}

/**
 * What a flanneld that runs with the old configuration does while its device is deleted and made anew under it with another port; one sentence
 * each, none where nobody runs or no release in question is used. v0.27.4 and later look after their device and bring it back. Doing so they
 * compare the one that is there as at their start, its port only where their configuration names one, and make it anew where it differs, without
 * peers' rows. v0.27.4 to v0.28.4 panic there with IPv4 alone (model/flannel-backends.md §1, v0.27.4 and v0.28.5; §2.1 "Compatibility check",
 * §2.4 "flannel.N deleted").
 * @param dev the device
 */
export function swapWarnings(cluster: Cluster, control: MigrationOptions['control'], dev: string): readonly string[] {
  if (control === 'none') return [];
  const releases = releasesOf(cluster);
  const used = (from: number, to: number): boolean => releases.some((r) => r === undefined || (r >= from && r < to));
  const read = parseNetConf(control.netConf);
  const port = Number((read.ok && read.conf.backend['port']) || 0);
  const onlyIPv4 = cluster.networks.every((network) => familyOf(network) === 4);
  const instead = 'another VNI (--vni) needs no swap';
  return [
    ...(port > 0 && used(WATCHES, Number.POSITIVE_INFINITY)
      ? [
          `flanneld v0.27.4 and later looks after ${dev}: as its configuration names Port ${port}, it may take the new ${dev} for a wrong one during the swap and put an empty one with the old port in its place; the gate sees that and turns the change back, and until then that node's packets may be lost; ${instead}`,
        ]
      : []),
    ...(onlyIPv4 && used(WATCHES, SURVIVES)
      ? [
          `flanneld v0.27.4 to v0.28.4 panics when ${dev} is deleted under it: whoever restarts it does so with the old configuration, while other nodes may still be at their swap, and packets of that node may be lost meanwhile; v0.28.5 does not, and ${instead}`,
        ]
      : []),
  ];
}
