import {defaultRouteSteps} from './default-gateway.js';
import type {ClusterRule} from './rule.js';
import {token} from './token.js';

export const ifaceNoDefaultRoute: ClusterRule = {
  id: 'iface-no-default-route',
  scope: 'cluster',
  stage: 'route',
  severity: 'error',
  holds: 'A node has an IPv4 default route, as the others have.',
  cause: 'An air-gapped or multi-homed machine, or a network restart that lost the route.',
  effect: 'Pods of the node do not reach the world outside, and flanneld finds no interface at its next start unless --iface names one.',
  remedy: 'Add the default route again, or name the interface with --iface where there is none on purpose.',
  fix: 'ask',
  *check({members}) {
    const looked = members.filter((m) => m.lease?.publicIP !== undefined && m.survey.state.families.route?.has(4));
    const without = looked.filter((m) => m.survey.defaultDev[4] === undefined);
    // Where most have none it is meant to be so.
    const meant = without.length * 2 >= looked.length;
    for (const {name, survey} of meant ? without.slice(0, 1) : without) {
      yield {
        node: name,
        ...(meant && {severity: 'info' as const}),
        subject: 'default route',
        message: meant
          ? `${without.length === 1 ? name : `${without.length} nodes`} have no IPv4 default route`
          : `${name} has no IPv4 default route, the other nodes have one`,
        evidence: [{node: name, command: 'ip -4 route show table all', lines: ['(no row: default in table main)']}],
        steps: meant ? [] : defaultRouteSteps(members, {name, addresses: survey.addresses, has: false}, 4),
        dependsOn: [token.lease(name)],
        peers: meant ? without.slice(1).map((m) => m.name) : [],
        effect: meant
          ? 'flanneld needs --iface or a public address from elsewhere to start'
          : `pods of ${name} do not reach addresses outside the cluster${survey.defaultDev[6] === undefined ? '' : ' over IPv4'}`,
      };
    }
  },
};
