import {lookedTable} from '../node/state.js';
import type {EniTable, PolicyNode} from './policy-node.js';
import type {NodeView} from './view.js';

/** Tables of network interfaces, as several rules ask for them. */

/**
 * Tables without a default route that pods are led to: emptied by their interface's going down, since nothing restores them. One that a single pod
 * is led to while the interface's table is whole is the rule's mistake and not the table's.
 */
export function emptied({state}: NodeView, {tables}: PolicyNode): readonly EniTable[] {
  const good = tables.filter((t) => t.gateway !== undefined);
  // A foreign default route takes the packets: then nothing falls through.
  const bare = tables.filter((t) => lookedTable(state, t.table) && !t.rows.some((r) => r.dst === '0.0.0.0/0'));
  return bare.filter(
    (t) => t.gateway === undefined && t.pods.length > 0 && !(t.rows.length === 0 && good.length > 0 && t.pods.length === 1),
  );
}

/** Which interface an empty table was for: the one that no other table has. */
export function deviceFor({state}: NodeView, {tables, uplink, pods}: PolicyNode, empty: EniTable): string | undefined {
  const taken = new Set(tables.flatMap((t) => (t.gateway?.dev === undefined ? [] : [t.gateway.dev])));
  const stated = pods.find((p) => empty.pods.includes(p.address) && p.eni?.by === 'cloud')?.eni?.dev;
  const left = empty.rows.find((r) => r.type === 'unicast' && r.dev !== undefined && r.dev !== uplink)?.dev;
  const veths = new Set(pods.flatMap((p) => (p.veth ? [p.veth.ifname] : [])));
  const hosts = new Set(pods.flatMap((p) => p.host.map((r) => r.dev)));
  const free = (state.tables.link ?? []).filter(
    (l) =>
      l.ifname !== 'lo' &&
      l.ifname !== uplink &&
      (l.kind === undefined || (l.kind === 'veth' && /^(eth|ens|enp)\d/.test(l.ifname))) &&
      l.master === undefined &&
      !taken.has(l.ifname) &&
      !veths.has(l.ifname) &&
      !hosts.has(l.ifname),
  );
  return stated ?? left ?? (free.length === 1 ? free[0]!.ifname : undefined);
}

/** The gateway of the subnet: another table's, or the node's own. */
export const gatewayOf = ({state}: NodeView, {tables, uplink}: PolicyNode, dev: string): string | undefined =>
  tables.find((t) => t.gateway?.dev === dev)?.gateway?.gateway ??
  (state.tables.route ?? []).find((r) => r.family === 4 && r.table === 'main' && r.dst === '0.0.0.0/0' && r.dev === dev)?.gateway ??
  (state.tables.route ?? []).find((r) => r.family === 4 && r.table === 'main' && r.dst === '0.0.0.0/0' && r.dev === uplink)?.gateway;
