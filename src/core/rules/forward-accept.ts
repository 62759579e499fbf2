import {hasChain, hasJump} from '../kernel/netfilter/chains.js';
import type {NodeView} from '../model/view.js';
import {type Family, familyOf, type Prefix} from '../net/address.js';
import {rulesetsOf, toolOf} from './flows.js';
import {step} from './remedy.js';
import type {Step} from './rule.js';

const note = ['-m', 'comment', '--comment', 'flanneld forward'];

export const networksOf = ({cluster}: NodeView, family: Family): readonly Prefix[] =>
  cluster.networks.filter((n) => familyOf(n) === family);

/** The commands that give FORWARD flannel's accepts again, at its end, as flanneld does (flannel-backends.md §6.2). */
export function appendForwardAccepts(view: NodeView, family: Family): readonly Step[] {
  const {name} = view;
  // flanneld's chain is in the flavour its image chose; without any trace of it the node's own tool decides.
  const ruleset = rulesetsOf(view, family).find((r) => hasChain(r, 'filter', 'FLANNEL-FWD')) ?? rulesetsOf(view, family)[0];
  const tool = toolOf(ruleset, family);
  const chain = ruleset && hasChain(ruleset, 'filter', 'FLANNEL-FWD');
  const jump = ruleset && hasJump(ruleset, 'filter', 'FORWARD', 'FLANNEL-FWD');
  const networks = networksOf(view, family);
  const accepts = networks.flatMap((n) => [
    [tool, '-A', 'FLANNEL-FWD', '-s', n, ...note, '-j', 'ACCEPT'],
    [tool, '-A', 'FLANNEL-FWD', '-d', n, ...note, '-j', 'ACCEPT'],
  ]);
  if (networks.length === 0) return [];
  return [
    ...(chain ? [[tool, '-F', 'FLANNEL-FWD']] : [[tool, '-N', 'FLANNEL-FWD']]),
    ...accepts,
    ...(jump ? [] : [[tool, '-A', 'FORWARD', ...note, '-j', 'FLANNEL-FWD']]),
  ].map((words) => step(name, words));
}

/** Accepts for the pod network before everything else in FORWARD: what an earlier reject needs. */
export function insertForwardAccepts(view: NodeView, family: Family, table: string, tool: string): readonly Step[] {
  const where = table === 'filter' ? [] : ['-t', table];
  return networksOf(view, family).flatMap((n) => [
    step(view.name, [tool, ...where, '-I', 'FORWARD', '1', '-s', n, ...note, '-j', 'ACCEPT']),
    step(view.name, [tool, ...where, '-I', 'FORWARD', '1', '-d', n, ...note, '-j', 'ACCEPT']),
  ]);
}

/** The same in a native nft chain. An accept there ends this chain only, which is all that is asked of it. */
export function insertNftAccepts(view: NodeView, family: Family, table: string, chain: string): readonly Step[] {
  const ip = family === 4 ? 'ip' : 'ip6';
  return networksOf(view, family).flatMap((n) => [
    step(view.name, ['nft', 'insert', 'rule', ...table.split(' '), chain, ip, 'saddr', n, 'accept']),
    step(view.name, ['nft', 'insert', 'rule', ...table.split(' '), chain, ip, 'daddr', n, 'accept']),
  ]);
}
