import {type Family, familyOf, type Ip, numberOf, tryIp} from '../../net/address.js';
import {contains, tryPrefix} from '../../net/prefix.js';
import {type AddressType, all, any, type Seen, type Ternary} from './packet.js';
import {isMulticast} from './protocol.js';

/** Does `a.b.c.d/len` or `a.b.c.d/m.a.s.k` hold the address? Unknown when the text is neither. */
export function inNetwork(text: string, address: Ip | undefined): Ternary {
  if (address === undefined) return 'unknown';
  const prefix = tryPrefix(text);
  if (prefix !== undefined) return contains(prefix, address);
  const [base = '', mask = ''] = text.split('/');
  const b = tryIp(base);
  const m = tryIp(mask);
  if (b === undefined || m === undefined || familyOf(b) !== familyOf(m)) return 'unknown';
  if (familyOf(b) !== familyOf(address)) return false;
  return (numberOf(address) & numberOf(m)) === (numberOf(b) & numberOf(m));
}

/** Is the address in first…last, both included? */
export function inRange(first: string, last: string, address: Ip | undefined): Ternary {
  const a = tryIp(first);
  const b = tryIp(last);
  if (address === undefined || a === undefined || b === undefined) return 'unknown';
  if (familyOf(a) !== familyOf(address)) return false;
  const n = numberOf(address);
  return numberOf(a) <= n && n <= numberOf(b);
}

/** `eth0`, or `wl+` (iptables) and `wl*` (nft) for every name that begins so. An absent device has the empty name. */
export function deviceMatches(pattern: string, device: string | undefined, wildcard: '+' | '*'): Ternary {
  if (device === undefined) return 'unknown';
  return pattern.endsWith(wildcard) ? device.startsWith(pattern.slice(0, -1)) : device === pattern;
}

/** Is the address of this route type on the node? What the address itself says (multicast, 255.255.255.255) needs no asking. */
export function hasType(wanted: string, address: Ip | undefined, packet: Pick<Seen, 'addressType' | 'isLocal'>): Ternary {
  if (address === undefined) return 'unknown';
  const type = typeOf(address, familyOf(address), packet);
  if (type !== undefined) return type === wanted;
  const local = packet.isLocal?.(address);
  if (wanted === 'local') return local ?? 'unknown';
  return local === true || wanted === 'multicast' ? false : 'unknown';
}

/**
 * For IPv6 addrtype asks otherwise (match_type6): unicast, multicast and unspec are read from the address alone, so a local address is unicast
 * too, and each listed must hold; of local, anycast and unreachable, which need a route, one is enough; others are not looked at.
 */
export function hasTypes6(types: readonly string[], address: Ip | undefined, packet: Pick<Seen, 'addressType' | 'isLocal'>): Ternary {
  if (address === undefined) return 'unknown';
  const kind = isMulticast(address) ? 'multicast' : address === '::' ? 'unspec' : 'unicast';
  const routed = types.filter((type) => type === 'local' || type === 'anycast' || type === 'unreachable');
  const plain = types.filter((type) => type === 'unicast' || type === 'multicast' || type === 'unspec');
  return all([
    ...plain.map((type) => type === kind),
    ...(routed.length > 0 ? [any(routed.map((type) => hasType(type, address, packet)))] : []),
  ]);
}

function typeOf(address: Ip, family: Family, packet: Pick<Seen, 'addressType' | 'isLocal'>): AddressType | undefined {
  if (isMulticast(address)) return 'multicast';
  // inet_addr_type() answers these two before it looks at any table.
  if (family === 4 && (address === '255.255.255.255' || address.startsWith('0.'))) return 'broadcast';
  return packet.addressType?.(address) ?? (packet.isLocal?.(address) === true ? 'local' : undefined);
}
