import type {CloudEni} from '../cloud/cloud.js';
import type {Link} from '../kernel/link.js';
import type {NodeView} from '../model/view.js';
import type {PodState} from '../node/state.js';
import {policyRouted} from './policy-pods.js';
import type {NodeRule} from './rule.js';

/** Pods that have a network interface of their own (model/cloud-modes.md §3). */
export interface ExclusivePod {
  readonly pod: PodState;
  /** The interface; absent when the pod has none any more. */
  readonly nic?: Link;
  readonly eni?: CloudEni;
}

/** Nodes where pods may have interfaces of their own. */
export const mayBeExclusive = (view: NodeView): boolean => policyRouted(view) || exclusivePods(view).length > 0;

/** A hardware device in the pod's namespace: no kind, and no partner. In the lab it is a veth whose other end the node has not. */
export function exclusivePods(view: NodeView): readonly ExclusivePod[] {
  const {state, cluster} = view;
  const links = state.tables.link ?? [];
  const only = cluster.mode?.pods?.exclusive === 'all';
  const enis = cluster.cloud?.enis ?? [];
  const asMode = (view.member.mode ?? cluster.mode)?.pods?.exclusive !== undefined;
  return (state.pods ?? []).flatMap((pod): readonly ExclusivePod[] => {
    if (pod.tables.link === undefined) return [];
    const devices = pod.tables.link.filter((l) => l.ifname !== 'lo');
    if (devices.length === 0) return only ? [{pod}] : [];
    const nic =
      devices.find((l) => l.kind === undefined && l.link_index === undefined && l.link_type !== 'none') ??
      devices.find((l) => (asMode || enis.some((e) => e.mac !== undefined && e.mac === l.address)) && isApart(l, links));
    if (!nic) return [];
    const eni = nic.address === undefined ? undefined : enis.find((e) => e.mac === nic.address);
    return [{pod, nic, ...(eni && {eni})}];
  });
}

/** Neither by number nor by name does the node have its other end. */
const isApart = (eth: Link, links: readonly Link[]): boolean => {
  const found = links.find((l) => l.ifindex === eth.link_index);
  return eth.kind === 'veth' && (found === undefined || found.link_index !== eth.ifindex);
};

type ExclusiveRule = Omit<NodeRule, 'scope' | 'stage' | 'concerns'> & {readonly stage?: NodeRule['stage']};

export const exclusiveRule = ({stage = 'pod', ...info}: ExclusiveRule): NodeRule => ({
  ...info,
  stage,
  scope: 'node',
  concerns: mayBeExclusive,
});
