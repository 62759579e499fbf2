import {chosen, holderOf} from '../../cloud/choose.js';
import type {Cloud, CloudEni, CloudRoute, CloudSource, CloudTable} from '../../cloud/cloud.js';
import type {Ip} from '../../net/address.js';
import type {Disposition} from '../disposition.js';
import type {World} from '../world.js';
import type {Crossing} from './crossing.js';
import {type Owner, ownerOf} from './owner.js';

export type Decides = Pick<Crossing, 'status' | 'decides' | 'source' | 'takenAt'>;

/** Where such a network leads a packet, and what says so. */
export type Lead = Decides & {
  /** Why it is not where the cluster has the address. */
  readonly astray?: string;
} & (
    | {readonly to: 'node'; readonly node: string; readonly owner: Owner | undefined; readonly eni?: CloudEni; readonly ip?: Ip}
    /** A machine that is no node, a gateway, the world: nothing of it was gathered. */
    | {readonly to: 'beyond'; readonly what: string; readonly translates: boolean; readonly eni?: CloudEni}
    | {readonly to: 'nowhere'; readonly disposition: Disposition; readonly because: string}
  );

/** Who sends it into the network: an address that the network knows him by. */
export interface Sender {
  readonly address: Ip | undefined;
}

const declared = (source: CloudSource | undefined, table: string | null, row: string): Decides => ({
  status: 'declared',
  decides: {table, row, would: false},
  source: source?.from ?? null,
  takenAt: source?.takenAt ?? null,
});

const inferred = (row: string): Decides => ({status: 'inferred', decides: {table: null, row, would: true}, source: null, takenAt: null});

/** All ways that the network may take; more than one where rows share the packets. */
export function leads(world: World, sender: Sender, dst: Ip): readonly Lead[] {
  const {cloud} = world.cluster;
  const owner = ownerOf(world, dst);
  if (cloud === undefined) return [byModel(owner, dst, undefined)];
  const holder = holderOf(cloud, dst);
  const choice = chosen(cloud, sender.address === undefined ? {} : {address: sender.address}, dst);
  if (choice.kind === 'rows') return choice.rows.map((row) => byRow(world, cloud, row, choice.table, owner));
  if (holder) return [byInterface(cloud, holder, dst, owner)];
  const nobody = owner?.as === 'pod' && heldByNone(cloud, owner);
  if (nobody)
    return [{...declared(cloud.sources.enis, null, 'none'), to: 'nowhere', disposition: 'no-neighbour', because: noInterface(dst, owner)}];
  // The network leads to its own addresses; that a node's own is one, and whose, the node itself says.
  if (owner?.as === 'node' && choice.kind === 'local' && choice.row)
    return [
      {
        ...byModel(owner, dst, undefined),
        ...declared(cloud.sources.routes, nameOf(choice.table), `${choice.row.dst} → ${choice.row.nextHop.id}`),
      },
    ];
  if (owner?.as === 'node' || owner?.as === 'pod') return [byModel(owner, dst, undefined)];
  if (choice.kind === 'none' && owner?.as === 'part')
    return [{...declared(cloud.sources.routes, nameOf(choice.table), 'none'), ...noRow(owner, dst, choice.table)}];
  return [byModel(owner, dst, cloud.routes === undefined ? undefined : unsaid(choice))];
}

/** Why the rows that were given do not say it. */
const unsaid = (choice: ReturnType<typeof chosen>): string | undefined =>
  choice.kind === 'unknown'
    ? choice.because
    : choice.kind !== 'none' || choice.table === undefined
      ? undefined
      : choice.table.wide === true && choice.table.provider === 'tke'
        ? `${nameOf(choice.table)} leads to pods alone; the VPC's own tables, which would say, were not given`
        : `${nameOf(choice.table)} has no row for it`;

const nameOf = (table: CloudTable | undefined): string | null => (table === undefined ? null : (table.name ?? table.id));

const noRow = (owner: Owner, dst: Ip, table: CloudTable | undefined) => ({
  to: 'nowhere' as const,
  disposition: 'no-route' as const,
  because: `no row of the cloud's ${table === undefined ? 'tables' : `table ${nameOf(table)}`} leads to ${dst}: ${owner.subnet} of ${owner.node} is missing there`,
});

/** The interfaces of a node are listed, and none of any machine has the address of its pod. A list without the node is a part of one. */
const heldByNone = ({enis}: Cloud, {node}: Owner): boolean => enis?.some((e) => e.node === node) === true;

const noInterface = (dst: Ip, {node}: Owner): string =>
  `no network interface that the cloud lists has ${dst}, a pod's address on ${node}: the network leads it nowhere`;

/** Nobody was asked, or nothing was said about it: what must be so for the packet to arrive. */
function byModel(owner: Owner | undefined, dst: Ip, why: string | undefined): Lead {
  const because = why === undefined ? '' : ` (${why})`;
  if (owner === undefined)
    return {...inferred(`whatever leads to ${dst}${because}`), to: 'beyond', what: 'what is beyond was not gathered', translates: false};
  const row =
    owner.as === 'part'
      ? `row ${owner.subnet} → ${owner.at ?? owner.node}`
      : owner.as === 'node'
        ? `${dst}, an address of the network: ${owner.node}`
        : `${dst} on a network interface of ${owner.node}`;
  return {...inferred(`${row}${because}`), to: 'node', node: owner.node, owner, ...(owner.at !== undefined && {ip: owner.at})};
}

function byInterface(cloud: Cloud, eni: CloudEni, dst: Ip, owner: Owner | undefined): Lead {
  const whose = eni.node ?? eni.instanceId;
  const said = declared(cloud.sources.enis, null, `${dst} on ${eni.id}${whose === undefined ? '' : ` of ${whose}`}`);
  if (eni.node === undefined) {
    const what = 'a machine of the network that is no node';
    return {...said, to: 'beyond', what, translates: false, eni, ...(owner && {astray: `${dst} is ${owner.node}'s here`})};
  }
  const astray =
    owner && owner.node !== eni.node ? `${dst} is ${owner.node}'s, and the cloud has it on ${eni.id} of ${eni.node}` : undefined;
  return {...said, to: 'node', node: eni.node, owner, eni, ...(astray !== undefined && {astray})};
}

function byRow(world: World, cloud: Cloud, route: CloudRoute, table: CloudTable | undefined, owner: Owner | undefined): Lead {
  const {dst, nextHop, state} = route;
  const target = `${nextHop.type === '' ? '' : `${nextHop.type} `}${nextHop.id}`;
  const said = declared(cloud.sources.routes, nameOf(table) ?? route.tableId, `${dst} → ${target}`);
  if (state === 'blackhole')
    return {
      ...said,
      to: 'nowhere',
      disposition: 'refused',
      because: `the cloud's row ${dst} → ${target} is a blackhole: what it leads to is gone`,
    };
  if (route.cannotForward)
    return {
      ...said,
      to: 'nowhere',
      disposition: 'refused',
      because: `the cloud's row ${dst} leads to ${target}, which may not forward (NEXT_HOP_CANNOT_IP_FORWARD)`,
    };
  const eni = cloud.enis?.find((e) => e.id === nextHop.id);
  if (nextHop.node !== undefined) {
    const astray =
      owner && owner.node !== nextHop.node ? `${owner.subnet ?? 'it'} is ${owner.node}'s, and the row leads to ${nextHop.node}` : undefined;
    const ip = nextHop.ip ?? world.cluster.members.find((m) => m.name === nextHop.node)?.lease?.publicIP;
    return {
      ...said,
      to: 'node',
      node: nextHop.node,
      owner,
      ...(eni && {eni}),
      ...(ip !== undefined && {ip}),
      ...(astray !== undefined && {astray}),
    };
  }
  if (owner)
    return {
      ...said,
      to: 'nowhere',
      disposition: 'no-listener',
      because: `the cloud's row ${dst} leads to ${target}, which is no node; ${owner.subnet ?? dst} is ${owner.node}'s`,
    };
  return {
    ...said,
    to: 'beyond',
    what: `${target}; what is beyond was not gathered`,
    translates: /nat/i.test(`${nextHop.type} ${nextHop.id}`),
  };
}
