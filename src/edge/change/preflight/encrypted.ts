import {setTimeout as sleep} from 'node:timers/promises';
import type {Plan} from '../../../core/change/plan.js';
import {leaseOf} from '../../../core/flannel/lease.js';
import {shell} from '../../../core/kernel/commands.js';
import type {Cluster} from '../../../core/model/cluster.js';
import {modeOf} from '../../../core/modes/index.js';
import {familyOf} from '../../../core/net/address.js';
import {baseOf} from '../../../core/net/prefix.js';
import {TransportError} from '../../transports/transport.js';
import {oneLine} from '../../ui/escape.js';
import {asRoot} from '../control/as-root.js';
import type {GateResult} from '../gate.js';
import type {Runner} from '../mesh.js';
import type {Migrating} from '../migrating.js';
import type {Findings} from './findings.js';

/** Looks at the handshakes of all peers, times and seconds between two. */
const LOOKS = 10;
const PAUSE_MS = 1500;
/** Seconds for which the underlay is watched while pods send. */
const WATCH_S = 4;

/** Does the plan lead from a backend in clear to WireGuard, so that it has to be shown that nothing goes in clear any more? */
export const encrypts = ({from, to}: Plan): boolean => to.type === 'wireguard' && from?.type !== 'wireguard';

async function said(runner: Runner | undefined, script: string, signal: AbortSignal): Promise<readonly string[] | string> {
  if (runner === undefined) return 'it is not connected';
  try {
    const {out, said: complaint} = await asRoot(runner, script, signal);
    const lines = out.split('\n').filter((line) => line !== '');
    return lines.includes('end') ? lines : oneLine(complaint) || 'it said nothing';
  } catch (error) {
    if (error instanceof TransportError) return oneLine(error.failure.message);
    throw error;
  }
}

/** What is not seen is not proven: every node has to have the programs that look. */
export async function canLook({cluster, runners, signal}: Migrating): Promise<Findings> {
  const refused = await Promise.all(
    cluster.members.map(async ({name}) => {
      const script =
        'PATH=$PATH:/usr/sbin:/sbin; for p in wg tcpdump timeout; do command -v $p >/dev/null || echo "lacks $p"; done; echo end';
      const lines = await said(runners.get(name), script, signal);
      if (typeof lines === 'string') return [`${name}: ${lines}`];
      const lacks = lines.filter((l) => l.startsWith('lacks ')).map((l) => l.slice(6));
      return lacks.length === 0
        ? []
        : [
            `${name} has no ${lacks.join(', ')}: whether pods' packets leave it in clear could not be seen, and so the change could not end`,
          ];
    }),
  );
  return {refused: refused.flat(), warnings: [], untried: []};
}

/**
 * Has every node had a handshake with each other one? flanneld's peers speak when they have something to say, and the routes still lead past
 * the device: an echo request out of the device itself makes them.
 */
export async function handshakes({plan, cluster, runners, signal}: Migrating): Promise<GateResult> {
  const devices = modeOf(plan.to.type)?.devices(plan.to.settings) ?? [];
  const missing = async (): Promise<readonly string[]> => {
    const found = await Promise.all(
      cluster.members.flatMap(({name, lease}) =>
        devices.flatMap(({family, name: dev}) => {
          if (!lease || leaseOf(lease, family) === undefined) return [];
          const peers = cluster.members.flatMap((m) => (m.name !== name && m.lease && leaseOf(m.lease, family)) || []);
          return [silent(name, dev, peers)];
        }),
      ),
    );
    return found.flat();
  };
  const silent = async (node: string, dev: string, peers: readonly {readonly node: string; readonly subnet: string}[]) => {
    const pings = peers.map((p) => `ping -n -q -c 2 -i 0.3 -W 1 -I ${shell([dev])} ${baseOf(p.subnet)} >/dev/null 2>&1 &`).join(' ');
    const script = `${pings} wait; wg show ${shell([dev])} allowed-ips | sed 's/^/allowed /'; wg show ${shell([dev])} latest-handshakes | sed 's/^/at /'; echo end`;
    const lines = await said(runners.get(node), script, signal);
    if (typeof lines === 'string') return [`${node}: its handshakes cannot be read: ${lines}`];
    const words = lines.map((l) => l.split(/\s+/));
    const spoke = new Set(words.flatMap(([what, key, time]) => (what === 'at' && Number(time) > 0 ? [key] : [])));
    const owner = (subnet: string) => words.find(([what, , ...prefixes]) => what === 'allowed' && prefixes.includes(subnet))?.[1];
    return peers.flatMap((p) => {
      const key = owner(p.subnet);
      if (key === undefined) return [`${node} → ${p.node}: no peer of ${dev} has ${p.subnet}`];
      return spoke.has(key) ? [] : [`${node} → ${p.node}: no handshake on ${dev}`];
    });
  };
  for (let look = 1; ; look++) {
    const because = await missing();
    if (because.length === 0 || look === LOOKS) return {ok: because.length === 0, because};
    await sleep(PAUSE_MS, undefined, {signal});
  }
}

/**
 * Does any packet from pod to pod leave a node in clear? The underlay of every node is watched while all pairs send: neither pod addresses
 * nor what the old backend put them into may be seen.
 * @param send has all pairs send
 */
export async function inClear({plan, cluster, runners, signal}: Migrating, send: () => Promise<unknown>): Promise<GateResult> {
  const filter = shell([clearFilter(plan, cluster)]);
  const watch = cluster.members.map(async ({name, uplink}) => {
    if (uplink === undefined) return [`${name}: its uplink is not known`];
    const script = `PATH=$PATH:/usr/sbin:/sbin; said=$(timeout ${WATCH_S} tcpdump -i ${shell([uplink.name])} -nn -l -c 1 ${filter} 2>&1); case $said in *'listening on'*) printf '%s\\n' "$said" | grep '^[0-9][0-9]:' | sed 's/^/seen /'; echo end ;; *) printf '%s\\n' "$said" >&2 ;; esac`;
    const lines = await said(runners.get(name), script, signal);
    if (typeof lines === 'string') return [`${name}: its underlay cannot be watched: ${lines}`];
    return lines
      .filter((l) => l.startsWith('seen '))
      .map((l) => `${name}: a packet from pod to pod is in clear on ${uplink.name}: ${oneLine(l.slice(5)).slice(0, 160)}`);
  });
  // The captures take a moment to begin, and last longer than the sending.
  const [found] = await Promise.all([Promise.all(watch), sleep(1000, undefined, {signal}).then(send)]);
  const because = found.flat();
  return {ok: because.length === 0, because};
}

export function clearFilter({from}: Plan, {networks}: Cluster): string {
  const plain = networks
    .filter((n) => !n.endsWith('/0'))
    .map((n) => `(${familyOf(n) === 6 ? 'ip6' : 'ip'} and src net ${n} and dst net ${n})`);
  const wrapped = from?.type === 'vxlan' ? [`(udp dst port ${from.settings.port})`] : from?.type === 'ipip' ? ['(ip proto 4)'] : [];
  return [...plain, ...wrapped].join(' or ');
}
