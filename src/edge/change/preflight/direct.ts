import {leaseOf} from '../../../core/flannel/lease.js';
import {modes} from '../../../core/modes/index.js';
import {hostOf} from '../../../core/net/prefix.js';
import type {NodeState} from '../../../core/node/state.js';
import type {Migrating} from '../migrating.js';
import {arrivals, type Shot} from './arrivals.js';
import {ask} from './ask.js';
import type {Findings} from './findings.js';

/** A pair that would send plainly to each other at the target, in one family. */
interface DirectPair {
  readonly family: 4 | 6;
  readonly from: string;
  readonly to: string;
  readonly dev: string;
  readonly source: string;
  readonly target: string;
  readonly gateway: string;
  /** The hardware address of the interface that has `gateway`. */
  readonly mac: string | undefined;
}

/** ipip's direct routes are onlink as well: only the device tells. */
export const isTunnel = (dev: string | undefined): boolean => dev !== undefined && modes.some((mode) => mode.ownsDevice(dev));

/** Which pairs the plan gives a plain route: what is proven for them. */
function directPairs({plan, cluster}: Migrating): readonly DirectPair[] {
  const members = new Map(cluster.members.map((m) => [m.name, m]));
  return plan.stages.flatMap((s) =>
    s.work.flatMap(({node, operations}) =>
      operations.flatMap((op): DirectPair[] => {
        if (op.on !== 'route' || op.do === 'del' || op.row.gateway === undefined || isTunnel(op.row.dev)) return [];
        const {family, dst, gateway, dev} = op.row;
        const own = members.get(node)?.lease;
        const mine = own && leaseOf(own, family);
        const peer = cluster.members.find((m) => m.lease && leaseOf(m.lease, family)?.subnet === dst);
        if (!mine || !peer || dev === undefined) return [];
        const mac = peer.survey.links.find((l) => l.ifname === peer.uplink?.name)?.address;
        return [{family, from: node, to: peer.name, dev, source: hostOf(mine.subnet, 1), target: hostOf(dst, 1), gateway, mac}];
      }),
    ),
  );
}

/** Is every pair on one link? Not netmasks tell, but who answers: the peer's own interface, and no router in its name. */
export async function resolution(migrating: Migrating): Promise<Findings> {
  const {runners, signal} = migrating;
  const pairs = directPairs(migrating);
  const nodes = [...new Set(pairs.map((p) => p.from))];
  const refused: string[] = [];
  await Promise.all(
    nodes.map(async (node) => {
      const own = pairs.filter((p) => p.from === node);
      const said = await ask(runners.get(node), ['resolve', own[0]!.dev, ...own.map((p) => p.gateway)], signal);
      if ('why' in said) {
        refused.push(`${node}: who answers on its link could not be asked: ${said.why}`);
        return;
      }
      const answers = new Map(said.lines.map((line) => line.split(' ') as [string, string]));
      for (const {from, to, dev, gateway, mac} of own) {
        const found = answers.get(gateway);
        if (found === undefined || found === 'none')
          refused.push(`${from} → ${to}: nobody answers for ${gateway} on the link of ${dev}: not one L2 segment`);
        else if (mac !== undefined && found !== mac)
          refused.push(
            `${from} → ${to}: ${found} answers for ${gateway} on ${dev}, and ${to} itself has ${mac}: something between answers in its name`,
          );
      }
    }),
  );
  return {refused: refused.toSorted(), warnings: [], untried: []};
}

const effective = (state: NodeState | undefined, dev: string): number =>
  Math.max(...['all', dev].map((name) => Number(state?.sysctl?.get(`net/ipv4/conf/${name}/rp_filter`) ?? 0)));

/**
 * Does the underlay carry packets with pod addresses? Many clouds and hypervisors drop them. Echo requests go from one node's end of the pods'
 * bridge to another's past the routes; their answers take the old way, so they are counted where they arrive. A node whose rp_filter is strict
 * answers no ARP for such a sender: there it is tried again once the change has loosened it.
 * @param only pairs that are to be tried, as `from to`; all where it is left out
 */
export async function podAddresses(
  migrating: Migrating,
  states: ReadonlyMap<string, NodeState>,
  only?: ReadonlySet<string>,
): Promise<Findings> {
  const {runners, signal} = migrating;
  const all = directPairs(migrating);
  const pairs = all.filter((p) => p.family === 4 && (only === undefined || only.has(`${p.from} ${p.to}`)));
  const strict = pairs.filter((p) => effective(states.get(p.to), p.dev) === 1);
  const shots = new Map(
    pairs
      .filter((p) => !strict.includes(p))
      .map((p) => [shot(p, (count) => ['direct', String(count), p.dev, p.source, p.target]), p] as const),
  );
  const found = await arrivals(runners, [...shots.keys()], signal);
  const lost = [...found].flatMap(([s, arrival]) => (arrival === 'lost' ? [shots.get(s)!] : []));
  const controls = new Map(lost.map((p) => [shot(p, (count) => ['control', String(count), p.gateway]), p] as const));
  const control = await arrivals(runners, [...controls.keys()], signal);
  const deaf = [...control].flatMap(([s, arrival]) => (arrival === 'arrived' ? [] : [controls.get(s)!]));
  const untried = [
    ...strict.map((p) => ({...named(p), why: `rp_filter of ${p.to} is strict`})),
    ...[...found].flatMap(([s, arrival]) => (typeof arrival === 'object' ? [{...named(shots.get(s)!), why: arrival.untried}] : [])),
    ...deaf.map((p) => ({...named(p), why: `${p.to} takes no echo requests at all`})),
  ];
  const six = all.some((p) => p.family === 6) && only === undefined;
  return {
    refused: lost
      .filter((p) => !deaf.includes(p))
      .map(
        (p) =>
          `${p.from} → ${p.to}: of 20 echo requests from ${p.source} to ${p.target}, sent straight on ${p.dev}, fewer than 15 arrived, and those from its own address do: the underlay drops pod addresses`,
      ),
    warnings: six
      ? ['IPv6 from pod addresses cannot be tried without a route: the first wave is the first to see whether the underlay carries it']
      : [],
    untried,
  };
}

const shot = (p: DirectPair, send: Shot['send']): Shot => ({from: p.from, to: p.to, counter: 'echo', send});
const named = ({from, to}: DirectPair): {readonly from: string; readonly to: string} => ({from, to});
