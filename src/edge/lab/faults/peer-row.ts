import {baseOf} from '../../../core/net/prefix.js';
import type {LabFacts, LabNodeFacts} from './fault.js';
import {tunnelled} from './tunnel.js';

/** Has each peer a route of its own, and not all one? */
export const peerRoutes = ({backend}: LabFacts): boolean => ['vxlan', 'host-gw', 'ipip', 'extension'].includes(backend);

/** Are they plain ones, past no device of the backend's own? */
export const plainRoutes = ({backend, directRouting}: LabFacts): boolean =>
  backend === 'host-gw' || (backend === 'extension' && directRouting);

/** The command that writes a node's route to a peer's pods as the lab made it. */
export function routeTo(lab: LabFacts, node: LabNodeFacts, peer: LabNodeFacts, family: 4 | 6 = 4): string {
  const through = lab.backend === 'vxlan' && tunnelled(lab, node).includes(peer);
  const [ip, dev, subnet, address] =
    family === 4 ? ['ip', 'flannel', peer.subnet, peer.ip] : ['ip -6', 'flannel-v6', peer.subnet6!, peer.ip6!];
  if (lab.backend === 'extension' && !lab.directRouting) return `ip route replace ${subnet} via ${baseOf(subnet)} dev ext0 onlink`;
  if (lab.backend === 'ipip')
    return `ip route replace ${peer.subnet} via ${peer.ip} dev ${lab.directRouting ? 'eth0' : 'flannel.ipip'} onlink`;
  return through
    ? `${ip} route replace ${subnet} via ${baseOf(subnet)} dev ${dev}.${lab.vni} onlink`
    : `${ip} route replace ${subnet} via ${address} dev eth0`;
}

/** An address on the node's link that nobody has: the lab's segments are /24s, with nodes from .11 on. */
export const deadHost = (node: LabNodeFacts): string => node.ip.replace(/\d+$/, '99');

/** The first half of a /24: what a more specific row covers, with all pods of a small lab. */
export const firstHalf = (subnet: string): string => subnet.replace('/24', '/25');
