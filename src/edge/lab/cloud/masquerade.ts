import type {Lab} from '../topology.js';

/** iptables-restore input as ip-masq-agent leaves it: what stays in the VPC and the pod network keeps its source. */
export function vpcMasquerade(lab: Lab): string {
  const networks = [lab.cloud!.vpc.prefix, ...(lab.cloud!.podNetwork === undefined ? [] : [lab.cloud!.podNetwork])];
  const because = '-m comment --comment';
  return [
    '*nat',
    ':IP-MASQ-AGENT - [0:0]',
    `-A POSTROUTING ${because} "ip-masq-agent: ensure nat POSTROUTING directs all non-LOCAL destination traffic to our custom IP-MASQ-AGENT chain" -m addrtype ! --dst-type LOCAL -j IP-MASQ-AGENT`,
    ...['169.254.0.0/16', ...networks].map(
      (network) => `-A IP-MASQ-AGENT -d ${network} ${because} "ip-masq-agent: local traffic is not subject to MASQUERADE" -j RETURN`,
    ),
    `-A IP-MASQ-AGENT ${because} "ip-masq-agent: outbound traffic is subject to MASQUERADE (must be last in chain)" -j MASQUERADE`,
    'COMMIT',
    '',
  ].join('\n');
}
