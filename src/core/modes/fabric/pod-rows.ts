import type {Route} from '../../kernel/route.js';
import type {Rule} from '../../kernel/rule.js';
import type {Family, Ip} from '../../net/address.js';
import {familyOf, widthOf} from '../../net/address.js';
import {anyPrefix, baseOf, contains} from '../../net/prefix.js';
import {type Attachment, defaultOf} from '../../node/attachment.js';
import {lookedTable, type NodeState} from '../../node/state.js';
import type {Expected, Here, Priorities, Want} from '../mode.js';

export const tke: Priorities = {to: 512, from: 1536};
export const terwayPriorities: Priorities = {to: 512, from: 2048};

/**
 * The rows of one node for its pods (model/cloud-modes.md §2.2, B1 to B4): a host route to each, a rule to it and one from it, and the
 * default route of each table that the rules lead to. Tables are learnt from the node, never computed: each version numbers them anew.
 */
export function podRows(here: Here | undefined, {to, from}: Priorities, onlink = true): Pick<Expected, 'route' | 'rule'> {
  if (here === undefined) return {route: [], rule: []};
  const {state, attachments} = here;
  const pods = attachments.filter((a) => a.kind === 'policy' || a.kind === 'policy-primary');
  const [route, rule]: [Want<Route>[], Want<Rule>[]] = [[], []];
  const tables = new Map<string, string>();
  const common = commonTable(pods);
  // Older ones of AWS: a rule from the pod for each network of the VPC.
  const byTarget = new Set((state.tables.rule ?? []).flatMap((r) => (r.src !== undefined && r.dst !== undefined ? [r.src] : [])));
  for (const pod of pods) {
    const family = familyOf(pod.address);
    const host = `${pod.address}/${widthOf(family)}`;
    // What only rules tell of may be gone as well as its route be missing.
    const live = pod.by.some((sign) => sign !== 'to-rule' && sign !== 'from-rule');
    const row = {family, ...(!live && {tolerated: true as const})};
    if (pod.veth !== undefined) route.push({...row, row: hostRoute(family, host, pod.veth)});
    rule.push({...row, row: {family, priority: to, dst: host, action: 'lookup', table: 'main'}});
    if (pod.kind === 'policy-primary') continue;
    const table = pod.table ?? common;
    if (table === undefined || byTarget.has(host)) continue;
    rule.push({...row, row: {family, priority: from, src: host, action: 'lookup', table}});
  }
  for (const table of new Set(pods.flatMap((p) => p.table ?? common ?? []))) {
    const of = pods.find((p) => (p.table ?? common) === table)!;
    const family = familyOf(of.address);
    if (!lookedTable(state, table, family)) continue;
    const leads = defaultOf(state, table, widthOf(family));
    const eni = leads?.dev ?? nicOf(state, tables, family);
    const gateway = leads?.gateway ?? (eni === undefined ? undefined : gatewayOver(state, eni, of.address, family));
    if (eni === undefined || gateway === undefined) continue;
    tables.set(table, eni);
    const row: Route = {
      ...{family, table, type: 'unicast', dst: anyPrefix(family), gateway, dev: eni, metric: family === 6 ? 1024 : 0},
      flags: onlink ? ['onlink'] : [],
    };
    route.push({family, row, older: [{...row, flags: []}]});
  }
  return {route, rule};
}

/** `P dev V(P) scope link`. */
const hostRoute = (family: Family, dst: string, dev: string): Route => ({
  ...{family, table: 'main', type: 'unicast', dst, dev, metric: family === 6 ? 1024 : 0, scope: 'link', flags: []},
});

/** The one table that all pods with a rule are led to; with several network interfaces nobody knows whose a pod without a rule is. */
function commonTable(pods: readonly Attachment[]): string | undefined {
  const tables = new Set(pods.flatMap((p) => p.table ?? []));
  const [only] = tables;
  return tables.size === 1 ? only : undefined;
}

/** The network interface of a table that has lost its default route: the only one besides the first that no other table has. */
function nicOf(state: NodeState, taken: ReadonlyMap<string, string>, family: Family): string | undefined {
  const first = defaultOf(state, 'main', widthOf(family))?.dev;
  const masters = new Set((state.tables.link ?? []).flatMap((l) => l.master ?? []));
  const others = (state.tables.link ?? []).filter(
    (l) => /^(eth|ens|enp|enX)\d/.test(l.ifname) && l.ifname !== first && l.master === undefined && !masters.has(l.ifname),
  );
  const free = others.filter((l) => ![...taken.values()].includes(l.ifname));
  return free.length === 1 ? free[0]!.ifname : undefined;
}

/** Its subnet's gateway: what other routes over it name, else the node's own where both are in one subnet. */
function gatewayOver(state: NodeState, dev: string, pod: Ip, family: Family): Ip | undefined {
  const routes = state.tables.route ?? [];
  const named = routes.find((r) => r.dev === dev && r.dst === anyPrefix(family) && r.gateway !== undefined)?.gateway;
  if (named !== undefined) return named;
  const first = defaultOf(state, 'main', widthOf(family));
  const shared = routes.some(
    (r) =>
      r.dev === first?.dev &&
      r.gateway === undefined &&
      r.table === 'main' &&
      r.dst !== anyPrefix(family) &&
      contains(r.dst, pod) &&
      first?.gateway !== undefined &&
      contains(r.dst, first.gateway),
  );
  return shared ? first?.gateway : undefined;
}

/** Bridge pods and policy-routed ones on one node: without this rule packets between them leave the node (model/cloud-modes.md §7). */
export function mixedRule(here: Here | undefined, subnet: string | undefined): readonly Want<Rule>[] {
  if (here === undefined || subnet === undefined) return [];
  const kinds = new Set(here.attachments.map((a) => a.kind));
  if (!kinds.has('policy')) return [];
  const family = familyOf(baseOf(subnet));
  return [{family, row: {family, priority: 1024, dst: subnet, action: 'lookup', table: 'main'}}];
}
