import type {LabSpec} from '../../src/edge/lab/topology.js';

type Spec = Partial<LabSpec> & {readonly name: string};

/** The labs that every fault is put into, if it fits: each mode, both families. */
export const dualStack = {
  vxlan: {name: 'mx-vxlan', dualStack: true},
  direct: {name: 'mx-direct', directRouting: true, underlay: 'routed', nodes: 4, pods: 1, dualStack: true},
  flat: {name: 'mx-flat', directRouting: true, dualStack: true},
  hostGw: {name: 'mx-hostgw', backend: 'host-gw', dualStack: true},
} as const satisfies Record<string, Spec>;

/** The same without IPv6, for the faults that make no sense, or another one, beside it. */
export const ipv4Only = Object.values(dualStack).map((spec): Spec => ({...spec, name: `${spec.name}4`, dualStack: false}));
