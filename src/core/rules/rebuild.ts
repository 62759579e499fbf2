import {linkDelete, vxlanAdd, type Words} from '../kernel/commands.js';
import type {Link} from '../kernel/link.js';
import {ipipAdd, wireguardAdd} from '../kernel/tunnel-commands.js';
import {publishedMac} from '../model/published-mac.js';
import type {NodeView} from '../model/view.js';
import type {Want} from '../modes/mode.js';
import {replayRows, step} from './remedy.js';
import type {Step} from './rule.js';

const made: {readonly [kind: string]: (link: Link) => readonly Words[]} = {vxlan: vxlanAdd, ipip: ipipAdd, wireguard: wireguardAdd};

/**
 * Makes the tunnel device anew, with the hardware address its peers already send to, so that they need no change, and writes its
 * rows. `old` goes first: its port or number cannot be changed in place. No command makes a TUN device that flanneld would use: no steps then.
 */
export function rebuildDevice({name, cluster, expected}: NodeView, want: Want<Link>, old?: string): readonly Step[] {
  const add = made[want.row.kind ?? 'vxlan'];
  if (add === undefined) return [];
  const address = publishedMac(cluster, name, want.family)?.mac ?? want.row.address;
  const device: Link = {...want.row, ...(address !== undefined && {address})};
  return [
    ...(old === undefined ? [] : [step(name, linkDelete(old))]),
    ...add(device).map((words) => step(name, words)),
    ...(expected ? replayRows(name, expected, (dev) => dev === device.ifname) : []),
  ];
}
