import type {LabFacts} from './fault.js';

/** How iptables tells the outer packets of a backend's IPv4 tunnel; undefined where there is none. */
export function encapsulation({backend, directRouting, port}: LabFacts): string | undefined {
  const words: {readonly [backend: string]: string} = {
    vxlan: `-p udp --dport ${port}`,
    udp: '-p udp --dport 8285',
    wireguard: '-p udp --dport 51820',
    ipip: '-p 4',
    ipsec: '-p esp',
    ...(!directRouting && {extension: '-p udp --dport 8477'}),
  };
  return words[backend];
}

/** The device through which a backend with one route for all pods, or one for each peer without a neighbour, sends IPv4. */
export function device({backend}: LabFacts): string | undefined {
  const names: {readonly [backend: string]: string} = {udp: 'flannel0', wireguard: 'flannel-wg', ipip: 'flannel.ipip'};
  return names[backend];
}

/** Has the backend one route for the whole pod network? */
export const wide = ({backend}: LabFacts): boolean => backend === 'udp' || backend === 'wireguard';
