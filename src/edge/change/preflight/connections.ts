import {type Connected, firstOf, showConnected} from '../../../core/change/cuts.js';
import type {Held} from '../../../core/change/migration.js';
import type {Plan} from '../../../core/change/plan.js';
import {leaseOf} from '../../../core/flannel/lease.js';
import type {Cluster} from '../../../core/model/cluster.js';
import {modeOf} from '../../../core/modes/index.js';
import {familyOf, tryIp} from '../../../core/net/address.js';
import {baseOf, contains} from '../../../core/net/prefix.js';
import type {NodeState} from '../../../core/node/state.js';
import {oneLine} from '../../ui/escape.js';
import type {Runner} from '../mesh.js';
import {ask} from './ask.js';
import {masquerades} from './masquerades.js';

/** What the nodes' own connections and connection tracking say of a change to come. */
export interface Connections {
  /** Each that a step could cut, in the order of the nodes. */
  readonly found: readonly Connected[];
  /** Steps that would cut a connection of a node itself, once a node. */
  readonly held: readonly Held[];
  /** Nodes where one or the other could not be looked at. */
  readonly unseen: readonly {readonly node: string; readonly what: 'its TCP connections' | 'its masqueraded flows'}[];
}

/**
 * Reads every node's established TCP connections and, where the node tells, what connection tracking knows. Those from the tunnel's own address
 * end when its device is deleted; those through a masquerade are reset when their route changes its device, whatever the order
 * (flannel-backends.md §9.5); those between a node's address and a pod of another node when strict rp_filter comes back after a change to the
 * tunnel (design/performance.md §5). A masquerade that leaves address and port as they are shows in no table: the node's rules tell of it.
 */
export async function connections(
  cluster: Cluster,
  states: ReadonlyMap<string, NodeState>,
  to: Plan['to'],
  runners: ReadonlyMap<string, Runner>,
  signal: AbortSignal,
): Promise<Connections> {
  const unseen: Connections['unseen'][number][] = [];
  const devices = modeOf(to.type)?.devices(to.settings) ?? [];
  const subnets = cluster.members.flatMap(({name, lease}) =>
    ([4, 6] as const).flatMap((f) => {
      const own = lease && leaseOf(lease, f);
      return own ? [{node: name, subnet: own.subnet}] : [];
    }),
  );
  const ownerOf = (address: string) => subnets.find((s) => contains(s.subnet, address));
  const one = async (name: string): Promise<readonly Connected[]> => {
    const said = await ask(runners.get(name), ['connections'], signal);
    const lines = 'lines' in said ? said.lines : [];
    if (!lines.includes('tcp yes')) unseen.push({node: name, what: 'its TCP connections'});
    if (!lines.includes('tracked yes')) unseen.push({node: name, what: 'its masqueraded flows'});
    const bases = subnets.filter((s) => s.node === name).map((s) => baseOf(s.subnet));
    const state = states.get(name);
    const sockets = new Map<string, Seen>();
    const found: Connected[] = [];
    const judge = ({local, remote, process}: Seen, pod: Address, masked: boolean, own: boolean): void => {
      const peer = ownerOf(pod.ip);
      if (peer === undefined || peer.node === name) return;
      const connected = {node: name, local: shown(local), remote: shown(remote), pod: pod.ip, peer: peer.node, ...(process && {process})};
      const masquerade = masked || (own && state !== undefined && masquerades(state, local, pod, peer.subnet));
      if (masquerade !== false) found.push({...connected, by: masquerade === true ? 'masqueraded' : 'perhaps'});
      if (masquerade === true || !own) return;
      if (bases.includes(local.ip)) {
        // A tunnel that comes has the same address: who is connected from it never notices whose it was.
        if (!devices.some((d) => d.family === familyOf(local.ip))) found.push({...connected, by: 'device'});
      } else if (devices.length !== 0 && ownerOf(local.ip) === undefined) found.push({...connected, by: 'strict'});
    };
    for (const line of lines.filter((l) => l.startsWith('conn '))) {
      const [, here = '', there = '', pid, ...owner] = line.split(' ');
      const [local, remote] = [endpoint(here), endpoint(there)];
      if (local === undefined || remote === undefined) continue;
      const process = pid === undefined || pid === '-' ? undefined : `${oneLine(owner.join(' ')).slice(0, 40)}, pid ${Number(pid)}`;
      sockets.set(`${shown(local)} ${shown(remote)}`, {local, remote, ...(process && {process})});
    }
    for (const line of lines.filter((l) => l.startsWith('flow '))) {
      const [local, remote, pod, seenAs] = tuples(line.split(' ').slice(1));
      if (local === undefined || remote === undefined || pod === undefined || seenAs === undefined) continue;
      const key = `${shown(local)} ${shown(remote)}`;
      const socket = sockets.get(key);
      sockets.delete(key);
      judge(socket ?? {local, remote}, pod, shown(seenAs) !== shown(local), socket !== undefined);
    }
    for (const socket of sockets.values()) judge(socket, socket.remote, false, true);
    return found.toSorted((a, b) => (`${a.local} ${a.remote}` < `${b.local} ${b.remote}` ? -1 : 1));
  };
  const found = (await Promise.all(cluster.members.map(({name}) => one(name)))).flat();
  return {found, held: heldFor(found), unseen};
}

interface Address {
  readonly ip: string;
  readonly port: string;
}
interface Seen {
  readonly local: Address;
  readonly remote: Address;
  readonly process?: string;
}

const shown = ({ip, port}: Address): string => (familyOf(ip) === 6 ? `[${ip}]:${port}` : `${ip}:${port}`);

/** `[::ffff:10.0.0.1]:22`, `10.0.0.1%eth0:22`. */
function endpoint(text: string): Address | undefined {
  const at = text.lastIndexOf(':');
  const address = text
    .slice(0, at)
    .replace(/^\[|\]$/g, '')
    .replace(/%.*$/, '');
  const ip = tryIp(address.replace(/^::ffff:(?=\d+\.)/, ''));
  return ip === undefined ? undefined : {ip, port: text.slice(at + 1)};
}

/** `SRC SPORT DST DPORT` of both directions: who asked whom, who answers (the pod, behind a service), and to whom it looks as if it came. */
function tuples([src, sport = '', dst, dport = '', back, backPort = '', asked, askedPort = '']: readonly string[]): readonly (
  | Address
  | undefined
)[] {
  const address = (text: string | undefined, port: string): Address | undefined => {
    const ip = text === undefined ? undefined : tryIp(text);
    return ip === undefined ? undefined : {ip, port};
  };
  return [address(src, sport), address(dst, dport), address(back, backPort), address(asked, askedPort)];
}

/** A step is held back once on a node, for the sake of all the connections that it would cut; strict rp_filter at both ends. */
function heldFor(found: readonly Connected[]): readonly Held[] {
  const by = new Map<string, {readonly node: string; readonly step: Held['step']; readonly lines: string[]}>();
  for (const connected of found) {
    const step = connected.by;
    if (step !== 'device' && step !== 'strict') continue;
    for (const node of step === 'strict' ? [connected.node, connected.peer] : [connected.node]) {
      const held = by.get(`${node} ${step}`) ?? {node, step, lines: []};
      held.lines.push(`${connected.node}: ${showConnected(connected)}`);
      by.set(`${node} ${step}`, held);
    }
  }
  return [...by.values()].map(({node, step, lines}) => ({node, step, why: `it would cut ${firstOf(lines).join(', ')}`}));
}
