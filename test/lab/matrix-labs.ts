import type {Fault} from '../../src/edge/lab/faults/fault.js';
import type {LabSpec} from '../../src/edge/lab/topology.js';
import {fits, sharesOf} from './shares.js';

type Spec = Partial<LabSpec> & {readonly name: string};

/** The labs that faults are put into: each mode, both families. */
export const dualStack = {
  vxlan: {name: 'mx-vxlan', dualStack: true},
  direct: {name: 'mx-direct', directRouting: true, underlay: 'routed', nodes: 4, pods: 1, dualStack: true},
  flat: {name: 'mx-flat', directRouting: true, dualStack: true},
  hostGw: {name: 'mx-hostgw', backend: 'host-gw', dualStack: true},
} as const satisfies Record<string, Spec>;

/** Small: only the faults that vxlan and host-gw cannot have. */
export const udp = {name: 'mx-udp', backend: 'udp', nodes: 2, pods: 1} as const satisfies Spec;

/** Commands that make a tunnel, and those that write plain routes; every day a fault of each kind. */
export const extensions: readonly (readonly [Spec, readonly string[]])[] = [
  [
    {name: 'mx-ext', backend: 'extension', pods: 1},
    [
      'extension-command-left-out',
      'extension-device-deleted',
      'extension-peer-departed',
      'extension-wrong-address',
      'tunnel-port-closed',
      'uplink-mtu-lowered',
    ],
  ],
  [{name: 'mx-ext-gw', backend: 'extension', pods: 1, directRouting: true}, ['route-detour', 'route-nexthop-dead']],
];

const shares = sharesOf(Object.values(dualStack));

/** The faults that are tried in this lab. */
export const share =
  (spec: Spec) =>
  (fault: Fault): boolean =>
    shares(fault, spec);

/** Faults that only a cluster without IPv6 has. */
export const withoutIpv6 =
  (spec: Spec) =>
  (fault: Fault): boolean =>
    fits(fault, spec) && !fits(fault, {...spec, dualStack: true});

/** The same without IPv6, for the faults that make no sense, or another one, beside it. */
export const ipv4Only = Object.values(dualStack).map((spec): Spec => ({...spec, name: `${spec.name}4`, dualStack: false}));
