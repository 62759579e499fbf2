import type {ClusterRule} from './rule.js';
import {envLines} from './witness.js';

export const mtuBackendValueMisread: ClusterRule = {
  id: 'mtu-backend-value-misread',
  scope: 'cluster',
  stage: 'mtu',
  severity: 'info',
  holds: "Backend.MTU is the underlay's MTU, from which flannel subtracts its header.",
  cause: "The value was taken for the tunnel device's own.",
  effect:
    'The header is subtracted twice: pods send smaller packets than they could. Right only if the underlay carries less than its interfaces say.',
  remedy: 'Set Backend.MTU to the MTU of the underlay, or leave it out; then restart flannel and make the pods anew.',
  restarts: 'everywhere',
  fix: 'no',
  modes: ['vxlan'],
  *check({members, mode, settings, configuredBy}) {
    const stated = settings?.mtu;
    if (!mode || stated === undefined || configuredBy !== 'net-conf') return;
    const larger = members.filter((m) => m.uplink !== undefined && stated > m.uplink.mtu);
    const twice = members.filter((m) => m.uplink !== undefined && m.uplink.mtu - stated === mode.overhead(4));
    const [first] = larger.length > 0 ? larger : twice;
    if (!first) return;
    const many = (larger.length > 0 ? larger : twice).slice(1).map((m) => m.name);
    yield {
      node: first.name,
      ...(larger.length > 0 && {
        severity: 'warning' as const,
        effect: 'pods are told an MTU that neither the tunnel nor the wire carries: large packets depend on path MTU discovery',
      }),
      subject: `Backend.MTU ${stated}`,
      message:
        larger.length > 0
          ? `Backend.MTU is ${stated}, but ${first.uplink!.name} on ${first.name} has ${first.uplink!.mtu}`
          : `Backend.MTU is ${stated}, ${mode.overhead(4)} less than ${first.uplink!.name} has (${first.uplink!.mtu}): flannel subtracts ${mode.overhead(4)} again`,
      evidence: [
        {node: first.name, command: 'net-conf.json', lines: [`"MTU": ${stated}`]},
        envLines(first.name, first.survey.state.subnetEnv, 'FLANNEL_MTU'),
      ],
      peers: many,
    };
  },
};
