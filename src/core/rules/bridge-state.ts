import {leaseOf} from '../flannel/lease.js';
import type {Address} from '../kernel/address.js';
import {addressReplace} from '../kernel/commands.js';
import type {Link} from '../kernel/link.js';
import type {NodeView} from '../model/view.js';
import type {Family, Ip, Prefix} from '../net/address.js';
import {contains, hostOf, lengthOf} from '../net/prefix.js';
import {looked} from '../node/state.js';
import {step} from './remedy.js';
import type {Step} from './rule.js';

/** One family of the pods' bridge: what it has and what it must have. */
export interface BridgeFamily {
  readonly family: Family;
  readonly subnet: Prefix;
  readonly gateway: Ip;
  /** Global addresses of the bridge in this family. */
  readonly addresses: readonly Address[];
  /** One of them is the gateway's, whatever its length. */
  readonly right: Address | undefined;
  /** The connected route to the pod subnet; undefined when routes were not read. */
  readonly routed: boolean | undefined;
}

export const bridgeOf = ({state, bridge}: NodeView): Link | undefined =>
  (state.tables.link ?? []).find((l) => l.ifname === bridge && l.kind === 'bridge');

/** The bridge beside the lease: flannel's file names the gateway, unless the file itself is stale. */
export function bridgeFamilies({state, self, bridge}: NodeView): readonly BridgeFamily[] {
  const env = state.subnetEnv !== undefined && state.subnetEnv !== 'none' ? state.subnetEnv : undefined;
  return ([4, 6] as const).flatMap((family): BridgeFamily[] => {
    const own = self && leaseOf(self, family);
    if (!own || !looked(state, 'address')) return [];
    const stated = family === 4 ? ([env?.subnet, env?.gateway] as const) : ([env?.ipv6Subnet, env?.ipv6Gateway] as const);
    const gateway = stated[0] === own.subnet && stated[1] !== undefined ? stated[1] : hostOf(own.subnet, 1);
    const addresses = (state.tables.address ?? []).filter((a) => a.dev === bridge && a.family === family && a.scope === 'global');
    const routed = looked(state, 'route', family)
      ? (state.tables.route ?? []).some(
          (r) =>
            r.family === family &&
            r.table === 'main' &&
            r.dev === bridge &&
            r.gateway === undefined &&
            contains(r.dst, own.subnet) &&
            !r.dst.endsWith('/0'),
        )
      : undefined;
    return [{family, subnet: own.subnet, gateway, addresses, right: addresses.find((a) => a.local === gateway), routed}];
  });
}

/** Puts the gateway's address on the bridge; the kernel adds the connected route with it. */
export const gatewayStep = (node: string, bridge: string, {family, gateway, subnet}: BridgeFamily): Step =>
  step(node, addressReplace({family, dev: bridge, local: gateway, prefixlen: lengthOf(subnet)}));

/** The connected route, for an address that is there without it. */
export const connectedStep = (node: string, bridge: string, {family, gateway, subnet}: BridgeFamily): Step =>
  step(node, [
    'ip',
    ...(family === 6 ? ['-6'] : []),
    'route',
    'replace',
    subnet,
    'dev',
    bridge,
    'proto',
    'kernel',
    ...(family === 6 ? ['metric', '256'] : ['scope', 'link', 'src', gateway]),
  ]);
