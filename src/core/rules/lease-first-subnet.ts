import {leaseOf} from '../flannel/lease.js';
import {baseOf} from '../net/prefix.js';
import type {NodeRule} from './rule.js';
import {envLines} from './witness.js';

export const leaseFirstSubnet: NodeRule = {
  id: 'lease-first-subnet',
  scope: 'node',
  stage: 'lease',
  severity: 'info',
  holds: 'No node holds the first subnet of the pod network.',
  cause: "Kubernetes hands out the first block like any other; flannel's etcd mode leaves it out on purpose.",
  effect:
    "The tunnel device's address is the network address of the whole range, which some old or foreign stacks refuse as a source; Linux does not mind.",
  remedy: 'None needed; keep the first block from being given out if something in the cluster refuses such addresses.',
  fix: 'no',
  modes: ['vxlan', 'ipip', 'udp'],
  needs: ['subnetEnv'],
  *check({name, self, cluster, state}) {
    for (const family of [4, 6] as const) {
      const own = self && leaseOf(self, family);
      const network = own && cluster.networks.find((n) => n !== own.subnet && baseOf(n) === baseOf(own.subnet));
      if (!own || network === undefined) continue;
      yield {
        subject: own.subnet,
        message: `${name} has ${own.subnet}, the first block of ${network}`,
        evidence: [
          envLines(
            name,
            state.subnetEnv,
            ...(family === 4 ? ['FLANNEL_NETWORK', 'FLANNEL_SUBNET'] : ['FLANNEL_IPV6_NETWORK', 'FLANNEL_IPV6_SUBNET']),
          ),
        ],
      };
    }
  },
};
