import {addressReplace, fdbReplace, neighReplace, routeReplace, shell, type Words} from '../kernel/commands.js';
import {wgPeerSet} from '../kernel/tunnel-commands.js';
import type {Member} from '../model/cluster.js';
import type {Expected} from '../modes/mode.js';
import {hostOf, lengthOf} from '../net/prefix.js';
import type {Step} from './rule.js';

export const step = (node: string, words: Words): Step => ({node, run: shell(words)});

/** Every row the mode wants on a device, written again: what a device that was down or re-created needs (it comes back empty). */
export function replayRows(node: string, expected: Expected, device: (name: string) => boolean): readonly Step[] {
  const on = (dev: string | undefined) => dev !== undefined && device(dev);
  return [
    ...expected.address.filter((w) => on(w.row.dev)).map((w) => step(node, addressReplace(w.row))),
    ...expected.neigh.filter((w) => on(w.row.dev) && !w.tolerated).map((w) => step(node, neighReplace(w.row))),
    ...expected.fdb.filter((w) => on(w.row.dev) && !w.tolerated).map((w) => step(node, fdbReplace(w.row))),
    ...(expected.wg ?? []).filter((w) => on(w.row.dev) && !w.tolerated).map((w) => step(node, wgPeerSet(w.row))),
    ...expected.route.filter((w) => on(w.row.dev) && !w.tolerated).map((w) => step(node, routeReplace(w.row))),
  ];
}

/** Sets the subnet lines of subnet.env to what the rest of the node and its peers say; restarting flanneld does the same. */
export function restoreSubnetEnv({name, lease, survey}: Member): readonly Step[] {
  const env = survey.state.subnetEnv;
  if (lease === undefined || env === undefined || env === 'none') return [];
  const path = env.command.split(' ').at(-1) ?? '/run/flannel/subnet.env';
  return (
    [
      ['FLANNEL_SUBNET', lease.subnet, env.subnet],
      ['FLANNEL_IPV6_SUBNET', lease.ipv6Subnet, env.ipv6Subnet],
    ] as const
  ).flatMap(([key, right, stated]) =>
    right === undefined || right === stated
      ? []
      : [step(name, ['sed', '-i', `s|^${key}=.*|${key}=${hostOf(right, 1)}/${lengthOf(right)}|`, path])],
  );
}
