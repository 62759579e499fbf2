import {familyOf, type Ip} from '../net/address.js';
import type {Disposition} from './disposition.js';
import {isLocal, routeTo} from './local.js';
import type {Place} from './world.js';

export interface Refusal {
  readonly disposition: Extract<Disposition, 'reverse-path' | 'martian'>;
  readonly why: string;
  readonly keys: readonly string[];
}

/** A setting of an IPv4 interface, with the stricter of `all` and its own, as the kernel takes rp_filter and accept_local. */
const larger = (place: Place, dev: string, name: string): number =>
  Math.max(...['all', dev].map((at) => Number(place.own?.sysctl?.get(`net/ipv4/conf/${at}/${name}`) ?? 0)));

/**
 * May a packet with this source come in by this device? IPv4 only: IPv6 has no such check (fib_validate_source in net/ipv4/fib_frontend.c).
 * Strict wants the way back through the same device; loose any way back, and an address on a device that the way back does not use.
 */
export function refusedSource(place: Place, iif: string, src: Ip, dst: Ip, mark = 0): Refusal | undefined {
  if (familyOf(src) === 6 || place.own === undefined) return undefined;
  if (isLocal(place, src)) {
    return larger(place, iif, 'accept_local') > 0
      ? undefined
      : {
          disposition: 'martian',
          why: `its source ${src} is an address of ${place.node} itself`,
          keys: [`net/ipv4/conf/${iif}/accept_local`],
        };
  }
  const filter = larger(place, iif, 'rp_filter');
  const keys = ['net/ipv4/conf/all/rp_filter', `net/ipv4/conf/${iif}/rp_filter`];
  const back = routeTo(place, {dst: src, src: dst, mark: larger(place, iif, 'src_valid_mark') > 0 ? mark : 0});
  const refuse = (why: string): Refusal | undefined => (filter === 0 ? undefined : {disposition: 'reverse-path', why, keys});
  if (back.kind === 'unknown') return undefined;
  if (back.kind !== 'route') return refuse(`rp_filter is ${filter}, and there is no route back to ${src}`);
  const {route} = back;
  if (route.type !== 'unicast') return {disposition: 'martian', why: `its source ${src} is a ${route.type} address here`, keys: []};
  if (route.dev === iif || route.nexthops?.some((n) => n.dev === iif)) return undefined;
  const by = route.dev ?? 'other devices';
  if (!place.state.tables.address?.some((a) => a.dev === iif && a.family === 4))
    return refuse(`rp_filter is ${filter}, ${iif} has no IPv4 address, and the way back to ${src} leads through ${by}`);
  return filter === 1 ? refuse(`rp_filter of ${iif} is strict, and the way back to ${src} leads through ${by}`) : undefined;
}
