import {bridgeName} from '../flannel/cni-conf.js';
import type {Link} from '../kernel/link.js';
import {contains, lengthOf, tryPrefix} from '../net/prefix.js';
import type {NodeState} from './state.js';

/** Where kinds were not printed (`ip addr`), what has ports is a bridge, and what everybody calls one. */
export const isBridge = (dev: string, link: Link | undefined, masters: ReadonlySet<string>): boolean =>
  link?.kind === undefined ? masters.has(dev) || /^(cni|cbr|docker|kube-bridge|br-)\d*/.test(dev) : link.kind === 'bridge';

/**
 * The name of the pods' bridge: what the CNI configuration says; without one the bridge that has flannel's subnet (Docker's, before there
 * was CNI), or one whose network lies in flannel's, or `cbr0` of kubenet and TKE where there is no cni0.
 */
export function podBridge(state: Pick<NodeState, 'cni' | 'tables' | 'subnetEnv' | 'netConf'>): string {
  const files = state.cni === undefined || state.cni === 'none' ? [] : state.cni;
  const configured = bridgeName(files);
  if (configured !== 'cni0') return configured;
  const flannel = files.some((f) => f.conf?.plugins.some((p) => p.type === 'flannel'));
  const other = files.flatMap((f) => f.conf?.plugins ?? []).find((p) => p.type === 'tke-bridge' || p.type === 'bridge');
  const named = other?.options['bridge'];
  if (!flannel && other) return typeof named === 'string' && named !== '' ? named : other.type === 'tke-bridge' ? 'cbr0' : 'cni0';
  const {link, route, address} = state.tables;
  const has = (dev: string): boolean =>
    link === undefined ? (route ?? []).some((r) => r.dev === dev) : link.some((l) => l.ifname === dev);
  if (flannel || has('cni0')) return 'cni0';
  const subnet = state.subnetEnv === undefined || state.subnetEnv === 'none' ? undefined : state.subnetEnv.subnet;
  const masters = new Set((link ?? []).flatMap((l) => l.master ?? []));
  const holder = (address ?? []).find(
    (a) =>
      subnet !== undefined &&
      a.prefixlen === lengthOf(subnet) &&
      tryPrefix(`${a.local}/${a.prefixlen}`) === subnet &&
      isBridge(
        a.dev,
        link?.find((l) => l.ifname === a.dev),
        masters,
      ),
  )?.dev;
  const network = state.netConf !== undefined && state.netConf !== 'none' && state.netConf.ok ? state.netConf.conf.network : undefined;
  const within = (route ?? []).find(
    (r) =>
      network !== undefined &&
      r.dev !== undefined &&
      r.gateway === undefined &&
      r.type === 'unicast' &&
      r.dst !== network &&
      contains(network, r.dst) &&
      isBridge(
        r.dev,
        link?.find((l) => l.ifname === r.dev),
        masters,
      ),
  )?.dev;
  return holder ?? within ?? (has('cbr0') ? 'cbr0' : 'cni0');
}
