import {lookup} from '../core/forwarding/lookup.js';
import {deviceMtu} from '../core/forwarding/route-mtu.js';
import type {Cluster, Given} from '../core/model/cluster.js';
import {outline, readOutline} from '../core/model/outline.js';
import {readNode} from '../core/model/read-node.js';
import {Surveyor} from '../core/model/survey.js';
import {type Family, familyOf} from '../core/net/address.js';
import type {NodeState} from '../core/node/state.js';
import {type Candidate, candidatesOf, type Endpoint, endpointNamed} from '../core/path/endpoint.js';
import {smallEcho} from '../core/path/packet.js';
import {addressless, unread} from '../core/path/recorded-end.js';
import {isService} from '../core/path/service.js';
import type {Walk} from '../core/path/step.js';
import {walk} from '../core/path/walk.js';
import {type Place, type World, worldOf} from '../core/path/world.js';
import {ExitCode} from '../exit-code.js';
import {Failure} from '../failure.js';
import {type Dumps, survey} from './diagnose.js';
import {inferredEnds} from './inferred-ends.js';

export interface Wish {
  readonly proto: 'tcp' | 'udp' | 'icmp';
  readonly port?: number | undefined;
  /** Bytes of the IP packet; `largest`: what the sender's own device takes. A small echo unless told. */
  readonly size?: number | 'largest' | undefined;
  readonly family?: Family | undefined;
}

export interface Traced {
  readonly from: Endpoint;
  readonly to: Endpoint;
  readonly family: Family;
  readonly size: number;
  /** What the walk knew. */
  readonly world: World;
  readonly there: Walk;
  readonly back: Walk | undefined;
  /** The nodes that were read for it. */
  readonly nodes: readonly string[];
}

/** A cluster that paths can be walked in: the model and the list of pods in memory, the tables of a node only once a walk comes to it. */
export interface Tracer {
  readonly cluster: Cluster;
  /** @throws Failure when it names nothing, or more than one pod. */
  endpoint(text: string): Endpoint;
  /** @throws Failure when the two have no family in common, or the walk cannot begin. */
  trace(from: Endpoint, to: Endpoint, wish: Wish): Promise<Traced>;
}

/** What is known of the cluster, and the pods in it; `insufficient` turns true where it was asked for more than it knows. */
interface Model {
  readonly cluster: Cluster;
  readonly pods: readonly Candidate[];
  readonly insufficient: boolean;
}

/** One pass that reads of each node only its devices, addresses and pods. */
async function outlined(dumps: Dumps, given: Given): Promise<Model> {
  const surveyor = new Surveyor();
  const pods: Candidate[] = [];
  for await (const dump of dumps.nodes()) {
    const state = readOutline(dump);
    surveyor.add(state);
    pods.push(...candidatesOf(state));
  }
  const known = outline(surveyor, given);
  return {
    cluster: known.cluster,
    pods,
    get insufficient() {
      return known.insufficient;
    },
  };
}

/** Reads every node whole: leases rest on what all peers say of a node. */
async function surveyed(dumps: Dumps, given: Given): Promise<Model> {
  const {cluster, states} = await survey(dumps, given);
  const pods: Candidate[] = [];
  for await (const state of states()) pods.push(...candidatesOf(state));
  return {cluster, pods, insufficient: false};
}

/**
 * Opens evidence for walks. With `ends`, the two that will be asked for, only the nodes that a walk comes to are read whole, as long as
 * names, addresses and devices suffice: not for a node's own name, or for a pod that was not gathered, which rest on leases.
 * `reads` is told of each node that is read whole.
 */
export async function openTrace(
  dumps: Dumps,
  given: Given,
  {ends, reads}: {readonly ends?: readonly string[]; readonly reads?: (node: string) => void} = {},
): Promise<Tracer> {
  const counted: Dumps = {
    async *nodes() {
      for await (const dump of dumps.nodes()) {
        reads?.(dump.node);
        yield dump;
      }
    },
  };
  let model = ends === undefined ? await surveyed(counted, given) : await outlined(dumps, given);
  for (const text of ends ?? []) endpointNamed(model.cluster, model.pods, text);
  if (model.insufficient) model = await surveyed(counted, given);
  const loaded = new Map<string, NodeState>();
  const load = async (names: readonly string[]): Promise<void> => {
    const missing = new Set(names.filter((name) => !loaded.has(name)));
    if (missing.size === 0) return;
    for await (const dump of dumps.nodes()) {
      if (!missing.delete(dump.node)) continue;
      reads?.(dump.node);
      loaded.set(dump.node, readNode(dump));
      if (missing.size === 0) return;
    }
  };
  const tracer: Tracer = {
    get cluster() {
      return model.cluster;
    },
    endpoint: (text) => endpointOf(model.cluster, model.pods, text),
    async trace(from, to, wish) {
      try {
        const found = await traced(model.cluster, from, to, wish, loaded, load);
        if (!model.insufficient) return found;
      } catch (error) {
        // What an outline does not know is no fault of the ends.
        if (!(error instanceof Failure) || !model.insufficient) throw error;
      }
      model = await surveyed(counted, given);
      return traced(model.cluster, from, to, wish, loaded, load);
    },
  };
  return tracer;
}

async function traced(
  cluster: Cluster,
  from: Endpoint,
  named: Endpoint,
  wish: Wish,
  loaded: ReadonlyMap<string, NodeState>,
  load: (names: readonly string[]) => Promise<void>,
): Promise<Traced> {
  const family = familyFor(from, named, wish.family);
  const dst = named.addresses[family]!;
  const ends = [from, named].flatMap((e) => e.node ?? []);
  await load(ends);
  const rules = named.kind === 'outside' && from.node !== undefined ? loaded.get(from.node) : undefined;
  const to: Endpoint = rules && isService(rules, dst) ? {...named, kind: 'service'} : named;
  const more = inferredEnds(cluster, [from, to], family, loaded);
  const needed = new Set(ends);
  for (;;) {
    const world = worldOf(
      cluster,
      [...needed].flatMap((name) => loaded.get(name) ?? []),
      more,
    );
    const place = (e: Endpoint): Place | undefined => {
      if (e.node === undefined) return undefined;
      if (e.kind === 'node') return world.nodes.get(e.node);
      const name = e.pod ?? e.addresses[family];
      return world.pods.get(e.node)?.find((p) => p.pod === name);
    };
    const machine = from.kind === 'vm' ? from.addresses[family] : undefined;
    const sender = machine === undefined ? place(from) : {machine};
    if (!sender)
      throw new Failure(`${from.name} is not in what was read, so nothing can be sent from there`, {
        hints: ['name a pod or a node that was read'],
      });
    const port = wish.proto === 'icmp' ? {} : {sport: 40_000, dport: wish.port ?? 80};
    const src = from.kind === 'node' ? undefined : from.addresses[family];
    const size = wish.size === 'largest' ? ('machine' in sender ? 1500 : largest(sender, dst)) : (wish.size ?? smallEcho[family]);
    const answer = walk({
      world,
      from: sender,
      to: place(to),
      service: to.kind === 'service',
      probe: {family, dst, proto: wish.proto, size, ...port, ...(src !== undefined && {src})},
    });
    if (answer.needs === undefined) return {from, to, family, size, world, there: answer.there, back: answer.back, nodes: [...needed]};
    if (needed.has(answer.needs)) throw new Error(`the walk asks for ${answer.needs} again`);
    await load([answer.needs]);
    needed.add(answer.needs);
    if (!loaded.has(answer.needs)) throw new Failure(`${answer.needs} is on the way, and there is nothing of it in the evidence`);
  }
}

function endpointOf(cluster: Cluster, pods: readonly Candidate[], text: string): Endpoint {
  const [found, ...others] = endpointNamed(cluster, pods, text);
  const nowhere = addressless(cluster.records, text);
  if (nowhere !== undefined) throw new Failure(nowhere);
  if (found === undefined) {
    const missed = unread(cluster.records, text);
    if (missed !== undefined) {
      throw new Failure(`what ${text} is cannot be known: ${missed}`, {
        exit: ExitCode.incomplete,
        hints: ['A pod by its address, or as it is called on its node, is found without the API server'],
      });
    }
    const names = [...pods.map((p) => p.pod ?? p.addresses[0]!), ...cluster.members.map((m) => m.name)];
    throw new Failure(`no pod, node or address is called ${text}`, {
      hints: [`there are: ${names.slice(0, 12).join(', ')}${names.length > 12 ? `, and ${names.length - 12} more` : ''}`],
    });
  }
  if (others.length > 0)
    throw new Failure(`${text} is on ${[found, ...others].map((e) => e.node).join(' and on ')}`, {hints: ["name it by its pod's address"]});
  return found;
}

function familyFor(from: Endpoint, to: Endpoint, asked: Family | undefined): Family {
  const both = ([4, 6] as const).filter((f) => to.addresses[f] !== undefined && (from.addresses[f] !== undefined || from.kind === 'node'));
  const family = asked === undefined ? both[0] : both.find((f) => f === asked);
  if (family === undefined)
    throw new Failure(`${from.name} and ${to.name} have no ${asked === undefined ? '' : `IPv${asked} `}address of one family`);
  return family;
}

/** The largest packet that the sender's own device and route take: what an application there believes in. */
function largest(place: Place, dst: string): number {
  const found = lookup(place.state, {dst});
  const mtu =
    found.kind === 'route' ? (found.route.metrics?.['mtu'] ?? deviceMtu(place.state, familyOf(dst), found.legs[0]?.dev)) : undefined;
  return mtu === undefined || mtu === 0 ? 1500 : mtu;
}
