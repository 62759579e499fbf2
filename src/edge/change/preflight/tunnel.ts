import type {Target} from '../../../core/change/plan.js';
import {leaseOf} from '../../../core/flannel/lease.js';
import type {Link} from '../../../core/kernel/link.js';
import {modeOf} from '../../../core/modes/index.js';
import type {Family} from '../../../core/net/address.js';
import type {NodeState} from '../../../core/node/state.js';
import type {Migrating} from '../migrating.js';
import {arrivals, type Shot} from './arrivals.js';
import type {Findings} from './findings.js';

/** The UDP port of the target's tunnel, if it has one. */
export function portOf({type, settings}: Target, family: Family): number | undefined {
  const [wire] = modeOf(type)?.wire?.(settings, family) ?? [];
  return wire?.proto === 'udp' ? wire.own : undefined;
}

const isTunnelAt = (link: Link, port: number): boolean =>
  (link.kind === 'vxlan' && Number(link.info?.['port'] ?? 8472) === port) ||
  (link.kind === 'wireguard' && link.info?.['listenPort'] === port);

/** Is the port that the tunnel will listen on somebody else's? */
export function portFree({plan, cluster}: Migrating, states: ReadonlyMap<string, NodeState>): Findings {
  const port = portOf(plan.to, 4);
  const refused = cluster.members.flatMap(({name}) => {
    const state = states.get(name);
    if (port === undefined) return [];
    const tunnel = state?.tables.link?.some((l) => isTunnelAt(l, port)) ?? false;
    const taken = state?.sockets?.find((s) => s.port === port && (s.process !== undefined || !tunnel));
    return taken
      ? [`${name}: UDP ${port} is taken by ${taken.process ?? 'a socket of the kernel'} (${taken.local}), and the tunnel must listen there`]
      : [];
  });
  return {refused, warnings: [], untried: []};
}

/**
 * Do datagrams to the tunnel's port get from each node to each other? Where nobody listens yet the kernel counts them; nodes that have a
 * tunnel on that port already cannot be asked so, and pairs of them are those that work through it now or are tried by the first wave.
 */
export async function portOpen({plan, cluster, runners, signal}: Migrating, states: ReadonlyMap<string, NodeState>): Promise<Findings> {
  const shots = ([4, 6] as const).flatMap((family) => {
    const port = portOf(plan.to, family);
    if (port === undefined) return [];
    const listens = (name: string) => states.get(name)?.tables.link?.some((l) => isTunnelAt(l, port)) ?? false;
    const ends = cluster.members.flatMap(({name, lease}) => {
      const own = lease && leaseOf(lease, family);
      return own ? [{name, address: own.publicIP}] : [];
    });
    return ends.flatMap((from) =>
      ends
        .filter((to) => to !== from && !listens(to.name))
        .map((to) => ({shot: datagrams(from.name, to.name, to.address, port, family), address: to.address, port})),
    );
  });
  const found = await arrivals(
    runners,
    shots.map((s) => s.shot),
    signal,
  );
  return {
    refused: shots.flatMap(({shot, address, port}) =>
      found.get(shot) === 'lost'
        ? [`${shot.from} → ${shot.to}: of 20 datagrams to UDP ${port} of ${address} fewer than 15 arrived: the tunnel's port is blocked`]
        : [],
    ),
    warnings: [],
    untried: shots.flatMap(({shot}) => {
      const arrival = found.get(shot);
      return typeof arrival === 'object' ? [{from: shot.from, to: shot.to, why: arrival.untried}] : [];
    }),
  };
}

const datagrams = (from: string, to: string, address: string, port: number, family: Family): Shot => ({
  from,
  to,
  counter: family === 4 ? 'udp4' : 'udp6',
  send: (count) => ['udp', String(count), address, String(port)],
});
