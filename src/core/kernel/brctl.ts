import type {Link} from './link.js';
import {type Draft, originOf, type Place} from './reading.js';

export const isBrctlHeader = (line: string): boolean => /^bridge name\s+bridge id\s+STP enabled\s+interfaces/.test(line);

/**
 * Reads the lines of `brctl show` under its header: `cni0 8000.4a025e87aa87 no veth08925d5a`, then one port a line. The bridge's
 * address is in its id; nothing says the MTU (0 stands for "not known") or whether a device is up.
 */
export function brctlLines(accept: (row: Draft<Link>) => void): (line: string, at: Place) => string | undefined {
  let bridge: string | undefined;
  return (line, at) => {
    const words = line.trim().split(/\s+/);
    const id = /^[0-9a-f]{4}\.([0-9a-f]{12})$/i.exec(words[1] ?? '')?.[1];
    const [first = '', , stp, port] = words;
    if (id !== undefined && (stp === 'yes' || stp === 'no')) {
      bridge = first;
      const address = (id.toLowerCase().match(/../g) ?? []).join(':');
      accept({ifname: first, flags: [], mtu: 0, address, kind: 'bridge', info: {stp_state: stp === 'yes' ? 1 : 0}, origin: originOf(at)});
      if (port !== undefined) accept(portOf(port, first, at));
      return undefined;
    }
    if (words.length !== 1 || bridge === undefined) return 'not a line of "brctl show"';
    accept(portOf(first, bridge, at));
    return undefined;
  };
}

const portOf = (ifname: string, master: string, at: Place): Draft<Link> => ({ifname, flags: [], mtu: 0, master, origin: originOf(at)});
