import {chosen} from '../../cloud/choose.js';
import type {Cloud} from '../../cloud/cloud.js';
import type {Cluster, Member} from '../../model/cluster.js';
import type {NodeView} from '../../model/view.js';
import {hostOf, overlaps} from '../../net/prefix.js';
import type {Operation} from '../operation.js';
import {bare} from '../operations/bare.js';
import {contentsOf} from '../operations/contents.js';
import {effectOf} from '../operations/index.js';
import type {NodeWork, Plan, Stage, Target} from '../plan.js';
import {named, waves} from './waves.js';

type Options = {readonly canary: number; readonly batch: number; readonly last?: string};

/**
 * The way from routes on the nodes to rows of the cloud (model/cloud-modes.md §9): rows first, unused so far; then flannel's configuration;
 * then the nodes' own routes, which win until they are gone and which no backend deletes. To be read, not run: the rows are the cloud's.
 */
export function toCloud(
  views: readonly NodeView[],
  target: Target,
  options: Options,
): {readonly kind: 'plan'; readonly plan: Plan} | {readonly kind: 'refused'; readonly because: readonly string[]} {
  const cluster = views[0]?.cluster;
  const {mode, settings} = cluster ?? {};
  if (!cluster || !mode || !settings) return {kind: 'refused', because: ['the mode that the cluster runs is not known']};
  const {obstacles, open} = prerequisites(views, cluster, target);
  if (obstacles.length > 0) return {kind: 'refused', because: obstacles};
  const rows = cluster.members.map((m) => `${m.lease!.subnet} → ${m.lease!.publicIP} (${m.name})`);
  const order = waves(
    views.map((v) => v.name),
    options,
  );
  const routes = (view: NodeView): readonly Operation[] =>
    view.peers.flatMap((peer) =>
      (view.state.tables.route ?? []).flatMap((r): Operation[] =>
        r.table === 'main' && r.dst === peer.subnet && r.type === 'unicast' ? [{on: 'route', do: 'del', row: bare(r)}] : [],
      ),
    );
  const devices = (view: NodeView): readonly Operation[] => {
    const state = routes(view).reduce((s, op) => effectOf(op, s), view.state);
    return (state.tables.link ?? []).flatMap((l): Operation[] =>
      mode.devices(settings).some((d) => d.name === l.ifname)
        ? [{on: 'link', do: 'del', row: bare(l), contents: contentsOf(state, l.ifname)}]
        : [],
    );
  };
  const stage = (
    phase: Stage['phase'],
    title: string,
    nodes: readonly string[],
    work: (view: NodeView) => readonly Operation[],
  ): readonly Stage[] => {
    const list = views.flatMap((v): NodeWork[] => {
      const operations = nodes.includes(v.name) ? work(v) : [];
      return operations.length === 0 ? [] : [{node: v.name, operations}];
    });
    return list.length === 0 ? [] : [{phase, title, work: list}];
  };
  return {
    kind: 'plan',
    plan: {
      what: 'migrate',
      from: {type: mode.type, settings},
      to: target,
      stages: [
        ...order.flatMap((nodes, i) =>
          stage('flip', `delete the nodes' own routes ${i + 1}/${order.length}: ${named(nodes)}`, nodes, routes),
        ),
        ...stage(
          'cleanup',
          'delete the old tunnel devices',
          views.map((v) => v.name),
          devices,
        ),
      ],
      warnings: [
        'to be read, not run: rows of the cloud are written with its own tools, and flanctl runs nothing of this plan',
        `first: a row for each node in every route table that serves a node or a machine of the network: ${rows.join(', ')}; nothing moves yet, since the nodes' own routes win`,
        `then: Backend.Type ${target.type} in net-conf.json, and flanneld started anew on every node: it deletes no route of the old backend`,
        'then, node by node, what stands below: after each, its pods must reach those of every other node, or its routes come back',
        ...open,
      ],
      irreversible: [],
      left: [],
    },
  };
}

/** What must hold before, and what nobody looked at. */
function prerequisites(
  views: readonly NodeView[],
  cluster: Cluster,
  target: Target,
): {readonly obstacles: readonly string[]; readonly open: readonly string[]} {
  const {members, networks, cloud} = cluster;
  const known = members.filter((m) => m.lease?.subnet !== undefined && m.lease.publicIP !== undefined);
  const obstacles = [
    ...members.flatMap((m) =>
      known.includes(m) ? [] : [`of ${m.name} neither pod subnet nor address are known: no row can be written for it`],
    ),
    ...members.flatMap((m) => (views.some((v) => v.name === m.name) ? [] : [`${m.name} was not read`])),
    ...views.flatMap((v) =>
      v.state.sysctl?.get('net/ipv4/ip_forward') === '0' ? [`${v.name} does not forward: net.ipv4.ip_forward is 0`] : [],
    ),
    ...views.flatMap(({name, self, state}) =>
      self?.publicIP !== undefined && state.tables.address !== undefined && !state.tables.address.some((a) => a.local === self.publicIP)
        ? [
            `${name} publishes ${self.publicIP}, which is on none of its interfaces: ${target.type} would write rows to an address that the network does not know`,
          ]
        : [],
    ),
  ];
  const mtus = new Set(members.flatMap((m) => (m.uplink ? [m.uplink.mtu] : [])));
  if (mtus.size > 1)
    obstacles.push(`the nodes' interfaces have different MTUs (${[...mtus].join(', ')}), and packets of pods go without a tunnel`);
  for (const subnet of cloud?.subnets ?? []) {
    const held = networks.find((n) => overlaps(n, subnet.cidr));
    if (held !== undefined)
      obstacles.push(`the pod network ${held} overlaps ${subnet.id} (${subnet.cidr}): the cloud takes no rows for addresses of its own`);
  }
  for (const eni of cloud?.enis ?? [])
    if (eni.primary === true && eni.sourceDestCheck === true && eni.node !== undefined)
      obstacles.push(
        `${eni.id} of ${eni.node} drops packets with other addresses than its own: modify-network-interface-attribute --no-source-dest-check`,
      );
  return {obstacles, open: [...rowsMissing(cloud, known), ...unseen(cluster)]};
}

/** Which rows the cloud has not yet, asked for each sender. */
function rowsMissing(cloud: Cloud | undefined, members: readonly Member[]): readonly string[] {
  if (cloud?.routes === undefined) return ['whether the rows are there was not looked at: --cloud-routes FILE'];
  const lacking = members.flatMap((to) => {
    const senders = members.filter((from) => {
      if (from === to) return false;
      const found = chosen(cloud, {address: from.lease!.publicIP!}, hostOf(to.lease!.subnet!, 2));
      return found.kind !== 'rows' || found.rows.length !== 1 || found.rows[0]!.nextHop.node !== to.name;
    });
    return senders.length === 0 ? [] : [`${to.lease!.subnet} → ${to.lease!.publicIP} for ${senders.map((s) => s.name).join(', ')}`];
  });
  return lacking.length === 0
    ? [`the rows are there already, by ${cloud.sources.routes?.from ?? 'what the cloud lists'}`]
    : [`not there yet, or not alone: ${lacking.join('; ')}`];
}

const unseen = ({cloud}: Cluster): readonly string[] => [
  ...(cloud?.subnets === undefined ? ['whether the pod network overlaps one of the VPC was not looked at'] : []),
  "not looked at: the route tables' quota, security groups between nodes, and whether machines beside the nodes are to see pods' own addresses",
];
