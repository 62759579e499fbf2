import {leaseOf} from '../flannel/lease.js';
import {type Lookup, lookup} from '../forwarding/lookup.js';
import type {Route} from '../kernel/route.js';
import type {Rule} from '../kernel/rule.js';
import type {NodeView} from '../model/view.js';
import type {Family} from '../net/address.js';
import {looked} from '../node/state.js';
import {carries, isTunnel} from './pair.js';
import {insideOf} from './route-shadowed.js';

const usual: ReadonlySet<string> = new Set(['local', 'main', 'default', '255', '254', '253']);

/** A policy rule that decides where pod traffic goes, although flannel's routes are in the main table. */
export interface Capture {
  readonly rule: Rule;
  readonly family: Family;
  /** The route in the rule's table; absent when the rule itself refuses. */
  readonly route?: Route;
  /** Peers whose pods are not reached from here because of it. */
  readonly to: readonly string[];
  /** The node's own pods are not reached, from here or from elsewhere. */
  readonly own: boolean;
}

const known = new WeakMap<NodeView, readonly Capture[]>();

/** Which policy rules take pod packets away from the main table, to where they do not arrive. Asked by two rules, so remembered. */
export function captures(view: NodeView): readonly Capture[] {
  const held = known.get(view);
  if (held) return held;
  const made = find(view);
  known.set(view, made);
  return made;
}

function find(view: NodeView): readonly Capture[] {
  const {state, self, peers, bridge} = view;
  const byRule = new Map<Rule, {family: Family; route?: Route; to: string[]; own: boolean}>();
  const note = (family: Family, found: Lookup, peer: string | undefined) => {
    if ((found.kind !== 'route' && found.kind !== 'refused') || !found.rule) return;
    const entry = byRule.get(found.rule) ?? {family, to: [], own: false, ...(found.route && {route: found.route})};
    if (peer === undefined) entry.own = true;
    else entry.to.push(peer);
    byRule.set(found.rule, entry);
  };
  for (const family of [4, 6] as const) {
    const mine = self && leaseOf(self, family);
    if (!mine || !looked(state, 'rule', family) || !looked(state, 'route', family)) continue;
    // Without foreign rules there is nothing to ask for thousands of peers.
    if (!(state.tables.rule ?? []).some((r) => r.family === family && foreign(r))) continue;
    const pod = insideOf(mine.subnet);
    const wanted = view.expected?.route.find((w) => w.family === family);
    const iif = isTunnel(wanted?.row.dev) ? wanted?.row.dev : view.member.uplink?.name;
    for (const lease of peers) {
      const peer = leaseOf(lease, family);
      if (!peer) continue;
      const there = insideOf(peer.subnet);
      const out = lookup(state, {dst: there, src: pod, iif: bridge});
      if (decidedElsewhere(out) && !(out.kind === 'route' && carries(view, out.route, peer))) note(family, out, peer.node);
      const back = lookup(state, {dst: pod, src: there, ...(iif !== undefined && {iif})});
      if (decidedElsewhere(back) && !(back.kind === 'route' && back.route.dev === bridge)) note(family, back, undefined);
    }
  }
  return [...byRule].map(([rule, entry]) => ({rule, ...entry}));
}

export const foreign = (rule: Rule): boolean => rule.action !== 'lookup' || !usual.has(rule.table ?? 'main');

function decidedElsewhere(found: Lookup): boolean {
  if (found.kind !== 'route' && found.kind !== 'refused') return false;
  return found.rule !== undefined && foreign(found.rule);
}
