import type {LabSpec} from '../../src/edge/lab/topology.js';
import {long} from './shares.js';

type Spec = Partial<LabSpec> & {readonly name: string};

/** Each way that a cloud carries packets, and for every day a fault of each kind: a row, an interface, a rule, a table, a pod's own. */
export const clouds: readonly (readonly [Spec, readonly string[]])[] = [
  [
    {name: 'mx-gr', backend: 'tke-global-router', nodes: 2, pods: 2},
    ['cbr0-down', 'cbr0-port-off', 'cloud-row-missing', 'vm-group-lacks-pods'],
  ],
  [{name: 'mx-tencent', backend: 'tencent-vpc', nodes: 2, pods: 1}, ['cloud-row-wrong', 'node-group-lacks-pods']],
  [{name: 'mx-alloc', backend: 'alloc', nodes: 2, pods: 1}, ['cloud-row-of-sender-missing', 'peer-route-left']],
  [{name: 'mx-tables', backend: 'tencent-vpc', nodes: 3, pods: 1, underlay: 'routed'}, ['cloud-row-in-one-table']],
  [{name: 'mx-cni', backend: 'tke-vpc-cni', nodes: 2, pods: 2}, ['pod-rule-to-deleted', 'pod-table-emptied', 'eni-address-moved']],
  [{name: 'mx-mixed', backend: 'tke-vpc-cni', nodes: 2, pods: 3, exclusive: 1, bridged: 1}, ['bridge-rule-deleted', 'own-nic-down']],
  [{name: 'mx-aws', backend: 'aws-vpc-cni', nodes: 2, pods: 3}, []],
  // Whose interfaces may send with any address: what leaves by the wrong one arrives.
  [{name: 'mx-free', backend: 'aws-vpc-cni', nodes: 2, pods: 3, unchecked: ['all']}, ['pod-rule-from-deleted']],
  [{name: 'mx-terway', backend: 'terway', nodes: 2, pods: 2}, []],
  // Through the wire between two physical hosts; cloud-hosts.test.ts is its daily one.
  ...(long ? [[{name: 'mx-hosts', backend: 'tke-global-router', nodes: 3, pods: 1, hosts: 2}, []] as const] : []),
];
