import {baseOf, hostOf} from '../../../core/net/prefix.js';
import type {LabFacts, LabNodeFacts} from './fault.js';

/** Shell lines that make one family of a node's tunnel as the lab made it, without help from doctor: for faults and their undoing. */
export interface Tunnel {
  readonly dev: string;
  /** The device, its address, up; without rows. `port` instead of the lab's makes a wrong one. */
  make(port?: number): string;
  /** Neighbours, FDB rows and routes of the peers that are reached through it; nothing to do where there are none. */
  rows(): string;
}

/** Nodes of one link: the lab's segments are /24s. */
const segment = (node: LabNodeFacts): string => node.ip.slice(0, node.ip.lastIndexOf('.'));

/** The peers that a node sends to through its tunnel. */
export const tunnelled = (lab: LabFacts, node: LabNodeFacts): readonly LabNodeFacts[] =>
  lab.nodes.filter((other) => other !== node && !(lab.directRouting && segment(other) === segment(node)));

export function tunnel(lab: LabFacts, node: LabNodeFacts, family: 4 | 6): Tunnel {
  const v6 = family === 6;
  const dev = `${v6 ? 'flannel-v6' : 'flannel'}.${lab.vni}`;
  const of = (n: LabNodeFacts) => ({subnet: (v6 ? n.subnet6 : n.subnet)!, ip: (v6 ? n.ip6 : n.ip)!, mac: (v6 ? n.vtepMac6 : n.vtepMac)!});
  const own = of(node);
  return {
    dev,
    make: (port = lab.port) =>
      [
        `ip link add ${dev} address ${own.mac} txqueuelen 0 mtu ${lab.mtu - (v6 ? 70 : 50)} type vxlan id ${lab.vni} local ${own.ip} dev eth0 dstport ${port} nolearning`,
        `ip addr add ${baseOf(own.subnet)}/${v6 ? '128' : '32'} dev ${dev}${v6 ? ' nodad' : ''}`,
        `ip link set ${dev} up`,
      ].join(' && '),
    rows: () =>
      tunnelled(lab, node)
        .map(of)
        .flatMap((peer) => [
          `ip neigh replace ${baseOf(peer.subnet)} lladdr ${peer.mac} dev ${dev} nud permanent`,
          `bridge fdb replace ${peer.mac} dev ${dev} dst ${peer.ip} self permanent`,
          `ip${v6 ? ' -6' : ''} route replace ${peer.subnet} via ${baseOf(peer.subnet)} dev ${dev} onlink`,
        ])
        .join(' && ') || 'true',
  };
}

/** The address and length that cni0 has. */
export const gateway = (subnet: string): string => `${hostOf(subnet, 1)}/${subnet.slice(subnet.indexOf('/') + 1)}`;
