import type {Address} from '../../kernel/address.js';
import type {Link} from '../../kernel/link.js';
import type {Route} from '../../kernel/route.js';
import type {Rule} from '../../kernel/rule.js';
import {type GlobalRouterNode, globalRouter, globalRouterNode, rightAddress} from '../../model/bridged-node.js';
import {deviceFor, emptied, gatewayOf} from '../../model/eni-tables.js';
import {nowhere, type PolicyPod, policyNode} from '../../model/policy-node.js';
import type {NodeView} from '../../model/view.js';
import {contains, tryPrefix} from '../../net/prefix.js';
import {looked} from '../../node/state.js';
import {bare} from '../operations/bare.js';
import type {Draft} from './draft.js';

/**
 * Rows of pods with addresses of the cloud's network interfaces, and of Global Router's (model/cloud-modes.md §1, §2): what its agents write
 * once and do not look at again. What only the cloud could mend, and what would be a guess, stays.
 */

const ruleOf = (priority: number, more: Partial<Rule>): Rule => ({family: 4, priority, action: 'lookup', table: 'main', ...more});
const routeOf = (dst: string, more: Partial<Route>): Route => ({
  family: 4,
  table: 'main',
  type: 'unicast',
  dst,
  metric: 0,
  flags: [],
  ...more,
});
const named = (draft: Draft, dev: string | undefined): Link | undefined =>
  dev === undefined ? undefined : (draft.state.tables.link ?? []).find((l) => l.ifname === dev);

/** An interface that is down takes no routes. */
function up(draft: Draft, dev: string): void {
  const before = named(draft, dev);
  if (!before || before.flags.includes('UP')) return;
  draft.add({on: 'link', do: 'replace', row: {...bare(before), flags: [...before.flags, 'UP']}, before: bare(before)}, `device ${dev}`);
}

/** What rules lead to: routes to pods, the interfaces' tables, the bridge; and in pods what makes their gateway. */
export function attachments(view: NodeView, draft: Draft): void {
  bridged(view, draft);
  const node = policyNode(view);
  if (!node || !looked(draft.state, 'route', 4) || !looked(draft.state, 'rule', 4)) return;
  for (const table of emptied(view, node)) {
    const dev = deviceFor(view, node, table);
    const gateway = dev === undefined ? undefined : gatewayOf(view, node, dev);
    const what = `default route of table ${table.table}`;
    if (dev === undefined || gateway === undefined) draft.leave(what, 'the interface that it was for is not known');
    else {
      up(draft, dev);
      draft.add({on: 'route', do: 'add', row: routeOf('0.0.0.0/0', {gateway, dev, table: table.table, flags: ['onlink']})}, what);
    }
  }
  for (const pod of node.pods) {
    routed(pod, draft);
    inside(view, pod, draft);
  }
}

/** The host route, to the node's own end of the pod's veth. */
function routed({address, host, veth, pod}: PolicyPod, draft: Draft): void {
  const what = `route to pod ${address}`;
  const [before] = host;
  if (veth === undefined) {
    if (!before) draft.leave(what, "the node's end of the pod is not known");
    return;
  }
  const row = routeOf(`${address}/32`, {dev: veth.ifname, scope: 'link'});
  if (!before) {
    up(draft, veth.ifname);
    draft.add({on: 'route', do: 'add', row}, what);
  } else if (pod !== undefined && !host.some((r) => r.dev === veth.ifname))
    draft.add({on: 'route', do: 'replace', row, before: bare(before)}, what);
}

/** The neighbour that nobody would answer for, and the routes that need it. */
function inside({state}: NodeView, {pod, eth, veth}: PolicyPod, draft: Draft): void {
  if (!pod || !eth || !looked(pod, 'route', 4) || !looked(pod, 'neigh', 4)) return;
  const routes = (pod.tables.route ?? []).filter((r) => r.family === 4 && r.table === 'main');
  const held = pod.tables.neigh?.find(
    (n) => n.dst === nowhere && n.dev === eth.ifname && n.lladdr !== undefined && !n.state.includes('FAILED'),
  );
  const leads = routes.find((r) => r.dst === '0.0.0.0/0');
  const link = routes.find((r) => r.dst === `${nowhere}/32`);
  // Another plugin's pod has another gateway.
  if (leads ? leads.gateway !== nowhere : !link && !held?.state.includes('PERMANENT')) return;
  const proxied = veth && ['all', veth.ifname].some((d) => state.sysctl?.get(`net/ipv4/conf/${d}/proxy_arp`) === '1');
  if (veth?.address !== undefined && held?.lladdr !== veth.address && !(proxied && held === undefined)) {
    const row = {family: 4 as const, dst: nowhere, dev: eth.ifname, lladdr: veth.address, state: ['PERMANENT']};
    draft.add({on: 'pod-neigh', do: 'replace', pod: pod.name, row, before: held && bare(held)}, `neighbour ${nowhere} of pod ${pod.name}`);
  }
  const add = (row: Route): void => draft.add({on: 'pod-route', do: 'add', pod: pod.name, row}, `route ${row.dst} of pod ${pod.name}`);
  if (!link) add(routeOf(`${nowhere}/32`, {dev: eth.ifname, scope: 'link'}));
  if (!leads) add(routeOf('0.0.0.0/0', {gateway: nowhere, dev: eth.ifname}));
}

/** The bridge's address and route, as the kernel made it, and its ports; the bridge itself is its plugin's. */
function bridged(view: NodeView, draft: Draft): void {
  const node = globalRouter(view) ? globalRouterNode(view) : undefined;
  const {state} = draft;
  if (!node?.link?.flags.includes('UP') || !looked(state, 'route', 4)) return;
  const {bridge, subnet, gateway} = node;
  readdress(node, draft);
  for (const {host, pod} of node.pods) {
    if (!host || host.master === bridge || state.tables.route?.some((r) => r.dev === host.ifname && r.family === 4 && r.table === 'main'))
      continue;
    const row = {...bare(host), master: bridge, flags: host.flags.includes('UP') ? host.flags : [...host.flags, 'UP']};
    draft.add({on: 'link', do: 'replace', row, before: bare(host)}, `port ${host.ifname} of pod ${pod.name}`);
  }
  const has = draft.state.tables.route?.some(
    (r) => r.table === 'main' && r.dev === bridge && r.gateway === undefined && contains(r.dst, subnet),
  );
  if (has || !draft.state.tables.address?.some((a) => a.dev === bridge && a.local === gateway)) return;
  const row = routeOf(subnet, {dev: bridge, protocol: 'kernel', scope: 'link', prefsrc: gateway});
  draft.add({on: 'route', do: 'add', row}, `route ${subnet} dev ${bridge}`);
}

/** One address takes the place of another in a step; of the same network it can only come after it, which takes all others with it. */
function readdress(node: GlobalRouterNode, draft: Draft): void {
  const right = rightAddress(node);
  if (!right || !looked(draft.state, 'address', 4)) return;
  const {want, wrong} = right;
  const row: Address = {...want, scope: 'global', flags: []};
  const what = `address ${want.local}/${want.prefixlen} on ${node.bridge}`;
  const [first, ...others] = wrong.map(bare);
  const beside = first !== undefined && tryPrefix(`${first.local}/${first.prefixlen}`) === node.subnet;
  if (first === undefined) draft.add({on: 'address', do: 'add', row}, what);
  else if (!beside) draft.add({on: 'address', do: 'replace', row, before: first}, what);
  else {
    draft.add({on: 'address', do: 'del', row: first}, `address ${first.local}/${first.prefixlen} on ${node.bridge}`);
    draft.add({on: 'address', do: 'add', row}, what);
  }
  for (const one of others) draft.add({on: 'address', do: 'del', row: one}, `address ${one.local}/${one.prefixlen} on ${node.bridge}`);
}

/** The rules themselves, once what they lead to is there. */
export function podRules(view: NodeView, draft: Draft): void {
  const node = policyNode(view);
  if (!node || !looked(draft.state, 'rule', 4) || !looked(draft.state, 'route', 4)) return;
  const {pods, tables, toPriority, fromPriority, uplink} = node;
  const add = (row: Rule): void => draft.add({on: 'rule', do: 'add', row}, `rule ${row.priority} of ${row.dst ?? row.src}`);
  for (const pod of pods) {
    const {address, to, from, eni} = pod;
    if (to.length === 0) add(ruleOf(toPriority, {dst: `${address}/32`}));
    const right = tables.find((t) => t.gateway !== undefined && t.gateway.dev === eni?.dev)?.table;
    if (from.length === 0) {
      if (eni === undefined || eni.dev === uplink) continue;
      if (right === undefined) draft.leave(`rule from ${address}`, `the table of ${eni.dev} is not known`);
      else add(ruleOf(fromPriority, {src: `${address}/32`, table: right}));
      continue;
    }
    // Only the cloud says which of several tables is right; with one interface there is one.
    if (right === undefined || eni?.by === 'rule') continue;
    const wrong = from.filter((r) => r.table !== right && tables.find((t) => t.table === r.table)?.gateway?.dev !== eni?.dev);
    if (wrong.length > 0 && !from.some((r) => r.table === right)) add(ruleOf(from[0]!.priority, {src: `${address}/32`, table: right}));
    for (const row of wrong) draft.add({on: 'rule', do: 'del', row: bare(row)}, `rule ${row.priority} from ${address}`);
  }
  mixed(view, draft, fromPriority);
}

/** Bridged pods beside: without the rule to them packets of the others leave the node. */
function mixed(view: NodeView, draft: Draft, fromPriority: number): void {
  const bridge = globalRouter(view) ? globalRouterNode(view) : undefined;
  if (!bridge?.link) return;
  const {subnet} = bridge;
  const held = draft.state.tables.rule?.some(
    (r) =>
      r.family === 4 &&
      r.priority > 0 &&
      r.priority < fromPriority &&
      r.table === 'main' &&
      r.src === undefined &&
      r.dst !== undefined &&
      contains(r.dst, subnet),
  );
  if (!held) draft.add({on: 'rule', do: 'add', row: ruleOf(1024, {dst: subnet})}, `rule 1024 to ${subnet}`);
}

/** Rows of pods that are gone. A pod may just be coming or going, so that only what nothing can use is taken: its device is gone or dead. */
export function leaked(view: NodeView, draft: Draft, prune: boolean): void {
  const node = policyNode(view);
  if (!node?.looked) return;
  for (const {address, to, from, host} of node.others) {
    const what = `rows of ${address}`;
    const dead = host.every((r) => r.flags.includes('linkdown') || named(draft, r.dev) === undefined);
    if (!dead) draft.leave(what, 'no pod that was looked into has the address, but its device is alive');
    else if (!prune) draft.leave(what, 'no pod of the node has the address: --prune takes them away');
    else {
      for (const row of [...to, ...from]) draft.add({on: 'rule', do: 'del', row: bare(row)}, `rule ${row.priority} of ${address}`);
      for (const row of host) draft.add({on: 'route', do: 'del', row: bare(row)}, `route to ${address}`);
    }
  }
}
