import {isFlannel} from '../../flannel/cni-order.js';
import {podPorts} from '../../model/pod-port.js';
import type {NodeView} from '../../model/view.js';
import type {Operation} from '../operation.js';
import {bare} from '../operations/bare.js';

/** A pod whose MTU is not what flannel will give to new ones. Bytes. */
export interface PodMtu {
  readonly pod: string;
  readonly mtu: number;
  readonly to: number;
  readonly operations: readonly Operation[];
}

/**
 * Pods that have flannel's MTU of today and would get another at the target; one that somebody gave another is left alone. `view`: as the
 * node is now. The bridge follows its smallest port by itself.
 */
export function podMtuWork(view: NodeView, to: number): {readonly shrink: readonly PodMtu[]; readonly grow: readonly PodMtu[]} {
  const {state} = view;
  const env = state.subnetEnv;
  const stated = (state.cni === undefined || state.cni === 'none' ? [] : state.cni)
    .find(isFlannel)
    ?.conf?.plugins.find((p) => p.type === 'flannel')?.options['mtu'];
  if (stated !== undefined || env === undefined || env === 'none') return {shrink: [], grow: []};
  const pods = podPorts(view).flatMap(({pod, eth, host}): readonly PodMtu[] => {
    if (!host || eth.mtu !== env.mtu || eth.mtu === to) return [];
    const inside: Operation = {on: 'pod-link', do: 'replace', pod: pod.name, dev: eth.ifname, to, before: eth.mtu};
    const outside: Operation = {on: 'link', do: 'replace', row: {...bare(host), mtu: to}, before: bare(host)};
    // A veth drops what its other end would not take: the receiving end grows first and shrinks last.
    return [{pod: pod.name, mtu: eth.mtu, to, operations: to > eth.mtu ? [outside, inside] : [inside, outside]}];
  });
  return {shrink: pods.filter((p) => p.to < p.mtu), grow: pods.filter((p) => p.to > p.mtu)};
}
