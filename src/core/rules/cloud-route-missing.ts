import {createRow} from '../cloud/commands.js';
import type {Cluster} from '../model/cluster.js';
import {cloudRows, few, foundFor, goodElsewhere, lookupsOf, type Part, partsInTables, partsOf, tableName, waysTo} from './cloud-rows.js';
import {inCloud, machineOf} from './cloud-steps.js';
import type {ClusterRule, Observation} from './rule.js';

export const cloudRouteMissing: ClusterRule = {
  id: 'cloud-route-missing',
  scope: 'cluster',
  stage: 'route',
  severity: 'error',
  holds: "The cloud's route table has a row for each node's pods.",
  cause:
    'flannel of the node could not write it (credentials, a full table, no --public-ip), or somebody deleted it; flannel looks at its row only when it starts.',
  effect: 'Nobody beyond the node reaches its pods, and what they ask for never gets an answer.',
  remedy: "Write the row, with the cloud's own tool, or restart flannel of the node, which writes it when it starts.",
  restarts: 'node',
  fix: 'no',
  fabric: 'routes',
  cloud: ['routes', 'tables'],
  *check(cluster) {
    for (const {part, table, senders, found} of partsInTables(cluster)) {
      if (found.kind !== 'missing' || goodElsewhere(cluster, part, table)) continue;
      const [instead] = found.rows;
      yield {
        node: part.node,
        subject: `${part.subnet} in ${table.id}`,
        message: `the cloud's route table ${tableName(table)}, which serves ${few(senders)}, has no row for ${part.subnet} of ${part.node}`,
        effect: effectOn(part, senders, instead && `${instead.nextHop.type} ${instead.nextHop.id}`),
        evidence: [cloudRows(cluster, part.node, found.rows, `(no row: ${part.subnet})`)],
        ...inCloud([createRow(table, part.subnet, machineOf(cluster, part.member))]),
        peers: senders,
        breaks: waysTo(part.node, senders),
      };
    }
    yield* inNone(cluster);
  },
};

const effectOn = ({node}: Part, senders: readonly string[], instead: string | undefined): string =>
  `nothing reaches the pods of ${node} from ${few(senders)}, and answers to them are lost: ${instead === undefined ? 'the network drops the packets' : `the packets go to ${instead}`}`;

/** Which table serves whom is not known, but none of them has it. */
function* inNone(cluster: Cluster): Generator<Observation & {node: string}> {
  const {cloud} = cluster;
  const {lookups, tables, unclear} = lookupsOf(cluster);
  if (cloud === undefined || lookups.length > 0 || tables.length === 0 || unclear.length === 0) return;
  for (const part of partsOf(cluster)) {
    const senders = unclear.filter((n) => n !== part.node);
    if (senders.length === 0 || tables.some((t) => foundFor(cloud, part, t).kind !== 'missing')) continue;
    yield {
      node: part.node,
      subject: part.subnet,
      message: `none of the cloud's ${tables.length} route tables has a row for ${part.subnet} of ${part.node}`,
      effect: effectOn(part, senders, undefined),
      evidence: [cloudRows(cluster, part.node, [], `(no row: ${part.subnet})`)],
      peers: senders,
      breaks: waysTo(part.node, senders),
    };
  }
}
