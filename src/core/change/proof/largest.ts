import type {Cluster} from '../../model/cluster.js';
import {modeOf} from '../../modes/index.js';
import type {Family} from '../../net/address.js';
import type {NodeState} from '../../node/state.js';
import type {Plan} from '../plan.js';

/**
 * The largest IP packet that both the old and the new way must carry all the time, bytes: what pods may send that run, or fewer where one of
 * the tunnels takes less. That larger ones may no longer fit is for the plan's warnings to say.
 */
export function largestOf(plan: Plan, cluster: Cluster, states: readonly NodeState[], family: Family): number {
  const sizes: number[] = [];
  for (const state of states) {
    const links = state.tables.link ?? [];
    for (const pod of state.pods ?? []) for (const l of pod.tables.link ?? []) if (l.kind === 'veth') sizes.push(l.mtu);
    const bridged = links.filter((l) => l.master !== undefined && l.kind === 'veth');
    sizes.push(...bridged.map((l) => l.mtu));
    const uplink = cluster.members.find((m) => m.name === state.name)?.uplink;
    if (uplink) sizes.push(uplink.mtu);
    for (const target of [plan.from, plan.to]) {
      const mode = target && modeOf(target.type);
      if (!target || !mode || !uplink) continue;
      if (mode.devices(target.settings).length === 0) continue;
      sizes.push(mode.podMtu(target.settings, uplink.mtu), uplink.mtu - mode.overhead(family));
      const there = links.find((l) => mode.devices(target.settings).some((d) => d.family === family && d.name === l.ifname));
      if (there) sizes.push(there.mtu);
    }
  }
  return Math.min(...sizes);
}
