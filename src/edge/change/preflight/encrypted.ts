import {randomUUID} from 'node:crypto';
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
/** Seconds after which a watch of the underlay ends by itself, when nobody comes back to it. */
const WATCH_S = 120;
/** Milliseconds for which it goes on when all pairs have sent, for what flows besides. */
const LINGER_MS = 1000;

/** A change that is about to begin, or under way: only where it leads from and to is asked of its plan. */
type Encrypting = Omit<Migrating, 'plan'> & {
  readonly plan: Pick<Plan, 'from' | 'to'>;
  /** How often handshakes are looked for before a pair is said to have none. */
  readonly looks?: number;
};

/** Does the plan lead from a backend in clear to WireGuard, so that it has to be shown that nothing goes in clear any more? */
export const encrypts = ({from, to}: Plan): boolean => modeOf(to.type)?.encrypts === 'keys' && from?.type !== to.type;

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
export async function handshakes({plan, cluster, runners, signal, looks = LOOKS}: Encrypting): Promise<GateResult> {
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
    if (because.length === 0 || look === looks) return {ok: because.length === 0, because};
    await sleep(PAUSE_MS, undefined, {signal});
  }
}

/**
 * Does any packet from pod to pod leave a node in clear? The underlay of every node is watched while all pairs send: neither pod addresses
 * nor what the old backend put them into may be seen. Sending begins when every node watches, and watching ends after it.
 * @param send has all pairs send
 */
export async function inClear({plan, cluster, runners, signal}: Encrypting, send: () => Promise<unknown>): Promise<GateResult> {
  const file = `/run/flanctl-watch-${randomUUID()}`;
  const filter = clearFilter(plan, cluster);
  const onEach = async (
    script: (uplink: string) => string,
  ): Promise<readonly {node: string; uplink: string; said: readonly string[] | string}[]> =>
    Promise.all(
      cluster.members.map(async ({name, uplink}) => ({
        node: name,
        uplink: uplink?.name ?? '',
        said: uplink === undefined ? 'its uplink is not known' : await said(runners.get(name), script(uplink.name), signal),
      })),
    );
  const blind = (list: Awaited<ReturnType<typeof onEach>>): readonly string[] =>
    list.flatMap(({node, said: lines}) => (typeof lines === 'string' ? [`${node}: its underlay cannot be watched: ${lines}`] : []));
  const begun = await onEach((uplink) => beginWatch(file, uplink, filter));
  if (blind(begun).length === 0) {
    await send();
    await sleep(LINGER_MS, undefined, {signal});
  }
  const ended = await onEach(() => endWatch(file));
  const because = [
    ...blind(begun),
    ...(blind(begun).length > 0 ? [] : blind(ended)),
    ...ended.flatMap(({node, uplink, said: lines}) =>
      typeof lines === 'string'
        ? []
        : lines
            .filter((l) => l.startsWith('seen '))
            .map((l) => `${node}: a packet from pod to pod is in clear on ${uplink}: ${oneLine(l.slice(5)).slice(0, 160)}`),
    ),
  ];
  return {ok: because.length === 0, because};
}

/** Returns when tcpdump listens; it ends with the first packet, by `endWatch`, or by its time. Each packet at once: of a block nobody would hear in time. */
const beginWatch = (file: string, uplink: string, filter: string): string => `PATH=$PATH:/usr/sbin:/sbin
umask 077
trap '' HUP
(
  timeout ${WATCH_S} tcpdump -i ${shell([uplink])} -nn -l --immediate-mode -c 1 ${shell([filter])} &
  echo $! >${file}.pid
  wait
  echo ended
) </dev/null >${file} 2>&1 &
n=0
until grep -qs -e 'listening on' -e '^ended' ${file} || [ $n -ge 200 ]; do n=$((n + 1)); sleep 0.1 2>/dev/null || sleep 1; done
if grep -qs 'listening on' ${file}; then echo end; else grep -v '^ended' ${file} >&2; fi
`;

/** What was seen. A watch that had ended without having seen anything has not watched to the end. */
const endWatch = (file: string): string => `[ -e ${file} ] || exit 0
if grep -q '^ended' ${file} && ! grep -q '^[0-9][0-9]:' ${file}; then
  grep -v '^ended' ${file} >&2
else
  kill $(cat ${file}.pid) 2>/dev/null
  n=0
  until grep -q '^ended' ${file} || [ $n -ge 50 ]; do n=$((n + 1)); sleep 0.1 2>/dev/null || sleep 1; done
  grep '^[0-9][0-9]:' ${file} | sed 's/^/seen /'
  echo end
fi
rm -f ${file} ${file}.pid
`;

export function clearFilter({from}: Pick<Plan, 'from'>, {networks}: Cluster): string {
  const plain = networks
    .filter((n) => !n.endsWith('/0'))
    .map((n) => `(${familyOf(n) === 6 ? 'ip6' : 'ip'} and src net ${n} and dst net ${n})`);
  const old = from && modeOf(from.type);
  // What was encrypted before is not in clear.
  const [wire] = old?.encrypts === undefined ? (old?.wire?.(from!.settings, 4) ?? []) : [];
  const wrapped = wire === undefined ? [] : [wire.proto === 'udp' ? `(udp dst port ${wire.own})` : `(ip proto ${wire.number})`];
  return [...plain, ...wrapped].join(' or ');
}
