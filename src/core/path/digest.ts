import {lookup} from '../forwarding/lookup.js';
import type {Cluster} from '../model/cluster.js';
import {type Family, familyOf, type Ip} from '../net/address.js';
import {contains} from '../net/prefix.js';
import {podBridge} from '../node/pod-bridge.js';
import type {NodeState} from '../node/state.js';
import {type Disposition, isGood} from './disposition.js';
import {candidatesOf, inferPod} from './endpoint.js';
import {endMeant, endOfLease, formsAt} from './forms.js';
import {isLocal} from './local.js';
import {input, send} from './namespace.js';
import {type InFlight, type Probe, smallEcho} from './packet.js';
import {classify} from './peer-class.js';
import {type Peer, peerIndex} from './peer-index.js';
import type {End, Trip} from './trip.js';
import {formOf} from './tunnels.js';
import {DEFAULT_PORT} from './user-space.js';
import {holders, isUp, isWire, type Place, type World, worldOf} from './world.js';

/** A bad end, or one that nobody can tell. `step`: what the packet met there. */
export interface Fault {
  readonly verdict: 'broken' | 'unknown';
  readonly disposition: Disposition;
  readonly because: string;
  readonly node: string;
}

/** How a packet leaves a node towards a peer: to which member, and in which form it comes to it (`direct`, or that of a tunnel: see formOf). */
export interface Sent {
  readonly fault?: Fault;
  readonly to?: string;
  readonly form: string;
  /** A router that nobody can look into is between the two. */
  readonly router: boolean;
  /** A cloud's network is between the two. */
  readonly fabric?: true;
  /** The end of the tunnel that it is for (a hardware address, a key), where it is not that of the peer's lease. */
  readonly meant?: string;
  /** The form that answers come in: who gets a packet of WireGuard's sends to where it came from, whatever he knew before. */
  readonly back?: string;
}

/** What a node does with the packets from and to all peers of one class. */
export interface PeerClass {
  readonly out: Sent;
  /** What comes from such a peer, by the form it comes in, and how the answer leaves. */
  readonly takes: ReadonlyMap<string, {readonly fault?: Fault; readonly reply?: Sent}>;
  /** The answer to what was sent. */
  readonly answers: ReadonlyMap<string, {readonly fault?: Fault}>;
}

/** All that the matrix needs of a node in one family; its tables may be forgotten. */
export interface Digest {
  readonly node: string;
  readonly classes: readonly PeerClass[];
  /** For each peer, in the order given, the number of its class. */
  readonly of: Uint32Array;
  /** The end of each tunnel that takes packets, by form: its hardware address, its key. */
  readonly tunnels: ReadonlyMap<string, string>;
  /** Does it answer on the wire for the address of its lease? */
  readonly wire: boolean;
}

const NO_LIMIT = 65_535;

/** How peers are judged: one of each class for all of it, or (slowly, to prove the former) each by itself on all rows. */
export type Judging = 'classes' | 'each';

/**
 * The digest of one node, or why there is none. Each class of peers is tried once with the real walk, as far as it stays on this node.
 * `size`: bytes of the IP packet; a small echo unless told.
 */
export function digest(
  cluster: Cluster,
  own: NodeState,
  family: Family,
  peers: readonly Peer[],
  size = smallEcho[family],
  judging: Judging = 'classes',
): Digest | Fault {
  const missing = (because: string): Fault => ({verdict: 'unknown', disposition: 'unknown', because, node: own.name});
  const index = peerIndex(cluster, family, peers);
  const number = index.byNode.get(own.name);
  if (own.failure && Object.keys(own.tables).length === 0) return missing(`${own.name} was not read`);
  if (number === undefined) return missing(`the IPv${family} lease of ${own.name} is not known`);
  const self = peers[number]!;
  const bridge = podBridge(own);
  const gathered = candidatesOf(own).flatMap((c) =>
    (c.pod === undefined ? [] : c.addresses).filter((a) => familyOf(a) === family).map((address) => ({...c, address})),
  );
  const named = gathered.find((c) => contains(self.subnet, c.address)) ?? gathered[0];
  const learnt = () => own.tables.neigh?.find((n) => n.dev === bridge && n.lladdr !== undefined && contains(self.subnet, n.dst))?.dst;
  const address = named?.address ?? learnt() ?? self.pod;
  // What a cloud's rows say differs from peer to peer of one class: it is asked of each pair afterwards.
  const {cloud: _, ...rest} = cluster;
  const world = worldOf(rest, [own], named ? [] : [inferPod(own, self.subnet, address, bridge)]);
  const pod = world.pods.get(own.name)?.find((p) => p.pod === (named?.pod ?? address));
  if (!pod) return missing(`no pod of ${own.name} is known`);
  const node = world.nodes.get(own.name)!;
  const udpPort = (cluster.mode?.devicesBy === 'process' ? cluster.settings?.port : undefined) ?? DEFAULT_PORT;
  const subject: Subject = {world, node, pod, address, self, family, size, udpPort};
  const tunnels = new Map(formsAt(node, family, self, udpPort).map((f) => [f.form, f.end]));
  const wire = (own.tables.link ?? []).some((l) => isUp(l) && isWire(world, node, l)) && isLocal(node, self.public) !== false;
  if (judging === 'each') {
    const classes = peers.map((peer) => judge(subject, peer));
    return {node: own.name, classes, of: Uint32Array.from(classes.keys()), tunnels, wire};
  }
  const {of, heads, stateFor} = classify(world, node, number, index);
  const classes = heads.map((head) => {
    const judged = judge(seenBy(subject, stateFor(head)), peers[head]!);
    // What NAT makes of a packet may concern a peer whose rows are not there.
    return judged.translated ? judge(subject, peers[head]!) : judged;
  });
  return {node: own.name, classes, of, tunnels, wire};
}

/** The same node with fewer rows. */
function seenBy(subject: Subject, state: NodeState): Subject {
  const node: Place = {...subject.node, state, own: state};
  return {...subject, node, world: {...subject.world, nodes: new Map([[node.node, node]])}};
}

interface Subject {
  readonly world: World;
  readonly node: Place;
  readonly pod: Place;
  readonly address: Ip;
  readonly self: Peer;
  readonly family: Family;
  readonly size: number;
  readonly udpPort: number;
}

/** Four ways for each form: what the pod sends, what it gets, and both answers. `translated`: NAT was seen. */
function judge(subject: Subject, peer: Peer): PeerClass & {readonly translated: boolean} {
  const {world, node, pod, address, family, self, size, udpPort} = subject;
  const trips: Trip[] = [];
  const begin = (target: Place | undefined, before?: Trip): Trip => {
    const [tracked, roamed] = [new Map(before?.tracked), new Map(before?.roamed)];
    const trip: Trip = {world, steps: [], limit: NO_LIMIT, overhead: 0, tracked, roamed, doubts: [], target, alone: true};
    trips.push(trip);
    return trip;
  };
  const echo: Probe = {family, dst: peer.pod, src: address, proto: 'icmp', size};
  const leaving = begin(undefined);
  const out = sent(subject, peer, leaving, send(leaving, pod, echo, false));
  const takes = new Map<string, {fault?: Fault; reply?: Sent}>();
  const answers = new Map<string, {fault?: Fault}>();
  const uplink = holders(world, self.public)
    .find((m) => m.name === node.node)
    ?.survey.addresses.find((a) => a.address === self.public)?.dev;
  if (uplink === undefined) {
    const because = `${node.node} does not have ${self.public}, the address of its lease`;
    return {
      out,
      takes,
      answers: answers.set('', {fault: {verdict: 'broken', disposition: 'no-neighbour', because, node: node.node}}),
      translated: false,
    };
  }
  for (const tunnel of [undefined, ...formsAt(node, family, self, udpPort)]) {
    const form = tunnel?.form ?? 'direct';
    const come = (reply: boolean, before?: Trip): {readonly trip: Trip; readonly end: End} => {
      const inner: InFlight = {...echo, src: peer.pod, dst: address, mark: 0, ttl: 63, reply, cuttable: reply && family === 4};
      const trip = begin(pod, before);
      return {trip, end: input(trip, node, uplink, tunnel ? tunnel.wrap(inner, peer) : inner)};
    };
    const first = come(false);
    const fault = faultOf(node.node, first.trip, first.end);
    if (fault) takes.set(form, {fault});
    else {
      const back = begin(undefined, first.trip);
      const {src, dst} = first.end.packet ?? {src: peer.pod, dst: address};
      takes.set(form, {reply: sent(subject, peer, back, send(back, pod, {...echo, src: dst, dst: src}, true))});
    }
    const answer = come(true, leaving);
    const lost = faultOf(node.node, answer.trip, answer.end);
    answers.set(form, lost ? {fault: lost} : {});
  }
  return {out, takes, answers, translated: trips.some((trip) => trip.steps.some((s) => s.kind === 'nat'))};
}

function faultOf(node: string, trip: Trip, end: End): Fault | undefined {
  if (end.needs !== undefined) return {verdict: 'unknown', disposition: 'unknown', because: `${node} passes it on to another node`, node};
  const {disposition, because} = end;
  if (!isGood(disposition)) return {verdict: disposition === 'unknown' ? 'unknown' : 'broken', disposition, because, node};
  const [doubtful] = trip.doubts;
  return doubtful && {verdict: 'unknown', disposition: 'unknown', because: doubtful.why, node};
}

/** Where a packet goes that left the node: to whom the walk would have to look next. */
function sent({world, node, self, family}: Subject, peer: Peer, trip: Trip, end: End): Sent {
  const outer = trip.wrapped;
  const form = outer ? formOf(outer) : 'direct';
  const bad = (fault: Fault): Sent => ({fault, form, router: false});
  const unknown = (because: string): Sent => bad({verdict: 'unknown', disposition: 'unknown', because, node: node.node});
  if (end.needs === undefined) {
    const fault = faultOf(node.node, trip, end);
    return fault ? bad(fault) : bad({verdict: 'broken', disposition: 'no-listener', because: end.because, node: node.node});
  }
  const [doubtful] = trip.doubts;
  if (doubtful) return unknown(doubtful.why);
  const flow = trip.tracked.get(node.node);
  if (flow && (flow.now.src !== flow.orig.src || flow.now.dst !== flow.orig.dst))
    return unknown(`${node.node} changes the addresses of what its pods send to pods, and the answer depends on that`);
  if (outer && outer.family !== family) return unknown(`${node.node} sends IPv${family} in a tunnel of the other family`);
  if (outer?.inner?.via === 'wireguard' && outer.inner.from !== self.key)
    return unknown(`${node.node} sends with another key than that of its lease`);
  const way = lookup(node.state, {dst: outer ? peer.public : peer.pod});
  const gateway = way.kind === 'route' ? way.legs[0]?.gateway : undefined;
  if (way.kind === 'route' && way.legs.length > 1) return unknown(`${node.node} may take more than one way`);
  const router = gateway !== undefined && holders(world, gateway).length === 0;
  // The class is told relative to the peer, and so is its next member.
  const meant = outer && endMeant(outer);
  const differs = meant !== undefined && meant !== endOfLease(form, peer);
  const back = outer?.inner?.via === 'wireguard' && {back: formOf({...outer, dport: outer.sport!})};
  return {
    to: end.needs === peer.node ? '=' : end.needs,
    form,
    router,
    ...(differs && {meant}),
    ...back,
    ...(trip.crossed !== undefined && {fabric: true as const}),
  };
}
