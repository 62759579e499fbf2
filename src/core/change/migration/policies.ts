import type {XfrmPolicy} from '../../kernel/xfrm.js';
import type {NodeView} from '../../model/view.js';
import {contains} from '../../net/prefix.js';
import type {Operation} from '../operation.js';
import {bare} from '../operations/bare.js';

/**
 * Policies outrank routes, and one that asks for a tunnel drops what comes plainly. Taken away on one node before the other they would cut
 * the pair: without any policy the kernel drops what was decrypted, too (XfrmInNoPols). An optional template (`level use`) takes both, and so
 * nothing is lost: first every node takes both, then each sends plainly, then the rest goes.
 *
 * The way back begins without associations, since they go with flanneld's charon, and flanneld writes its policies before charon has made new
 * ones. So one for the whole pod network comes in the place of each of flannel's policies: it takes both, or sends by the routes. Among policies
 * of one priority the one made first wins (xfrm_policy_insert_list), and so those of a flanneld that starts stand behind it, whenever that is.
 * It goes when there are associations again.
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
  const all = state.tables.xfrm ?? [];
  const own = all.flatMap((p) => {
    const network = cluster.networks.find((n) => contains(n, p.src) && contains(n, p.dst));
    if (network === undefined || !p.tmpl.some((t) => t.reqid === 11)) return [];
    const row = bare(p);
    const wide: XfrmPolicy = p.dir === 'out' ? {...row, src: network, tmpl: []} : {...optional(row), dst: network};
    // One that a change left behind is no policy of flannel's.
    return isLike(row, wide) ? [] : [{row, wide, stands: all.some((q) => isLike(q, wide))}];
  });
  const incoming = own.filter(({row}) => row.dir !== 'out');
  const outgoing = own.filter(({row}) => row.dir === 'out');
  const del = (row: XfrmPolicy): Operation => ({on: 'xfrm', do: 'del', row});
  const forerun = (of: typeof own): readonly Operation[] =>
    of.flatMap(({wide, stands}): readonly Operation[] => (stands ? [] : [{on: 'xfrm', do: 'add', row: wide}]));
  return {
    // Two that ask for the same, then one of them goes: at no time do two that differ stand beside each other.
    build: [
      ...incoming.map(({row}): Operation => ({on: 'xfrm', do: 'replace', row: optional(row), before: row})),
      ...forerun(incoming),
      ...incoming.map(({row}) => del(optional(row))),
    ],
    flip: [...outgoing.map(({row}) => del(row)), ...forerun(outgoing)],
    cleanup: own.map(({wide}) => del(bare(wide))),
  };
}

const isLike = (a: XfrmPolicy, b: XfrmPolicy): boolean => a.dir === b.dir && a.src === b.src && a.dst === b.dst;

const optional = (row: XfrmPolicy): XfrmPolicy => ({...row, tmpl: row.tmpl.map((t) => ({...t, level: 'use'}))});
