import type {XfrmPolicy} from '../../kernel/xfrm.js';
import type {NodeView} from '../../model/view.js';
import {contains} from '../../net/prefix.js';
import type {Operation} from '../operation.js';
import {bare} from '../operations/bare.js';

/**
 * Policies outrank routes, and one that asks for a tunnel drops what comes plainly. Taken away on one node before the other they would cut
 * the pair: without any policy the kernel drops what was decrypted, too (XfrmInNoPols). An optional template (`level use`) takes both, and so
 * nothing is lost: first every node takes both, then each sends plainly, then the rest goes.
 */
export interface PolicyWork {
  /** Everybody takes in what comes by either way. */
  readonly build: readonly Operation[];
  /** One node sends by its routes. */
  readonly flip: readonly Operation[];
  readonly cleanup: readonly Operation[];
}

/** flannel's own policies of a node that leaves ipsec; nothing where the target is ipsec, or the node has none. */
export function policyWork({state, cluster}: NodeView): PolicyWork {
  const own = (state.tables.xfrm ?? []).filter(
    (p) => p.tmpl.some((t) => t.reqid === 11) && cluster.networks.some((n) => contains(n, p.src) && contains(n, p.dst)),
  );
  const incoming = own.filter((p) => p.dir !== 'out').map(bare);
  const del = (row: XfrmPolicy): Operation => ({on: 'xfrm', do: 'del', row: bare(row)});
  return {
    build: incoming.map((before) => ({on: 'xfrm', do: 'replace', row: optional(before), before})),
    flip: own.filter((p) => p.dir === 'out').map(del),
    cleanup: incoming.map((p) => del(optional(p))),
  };
}

const optional = (row: XfrmPolicy): XfrmPolicy => ({...row, tmpl: row.tmpl.map((t) => ({...t, level: 'use'}))});
