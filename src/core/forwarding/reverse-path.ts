import type {Route} from '../kernel/route.js';
import type {Ip} from '../net/address.js';
import {legsOf} from './legs.js';
import {lookup, rulesOf} from './lookup.js';
import type {Namespace, Query} from './query.js';

/** The parameters that decide about a source address, put together from `all` and the device. */
export interface SourceSettings {
  /** max(all, device): 0 off, 1 strict, 2 loose. */
  readonly rp_filter: number;
  /** all or device: the packet's mark also selects the rules of the way back. */
  readonly src_valid_mark: number;
  /** all or device: own addresses may come in as a source. */
  readonly accept_local: number;
  /** all or device. With it off, a packet that leaves by the device it came in by is looked at no closer than others. */
  readonly send_redirects: number;
}

export interface Validation {
  readonly verdict: 'valid' | 'martian' | 'reverse-path' | 'unknown';
  readonly why: string;
  /** The way back that was found. */
  readonly route?: Route;
}

export interface Arrival extends Query {
  readonly src: Ip;
  readonly iif: string;
}

const valid: Validation = {verdict: 'valid', why: 'the source is valid'};

/** fib_validate_source of IPv4. `oif` is the device it is to leave by; absent when it is for the namespace itself. */
export function validateSource(state: Namespace, packet: Arrival, oif: string | undefined, settings: SourceSettings): Validation {
  const {src, iif} = packet;
  const own = state.tables.address?.filter((a) => a.family === 4);
  if (own === undefined) return {verdict: 'unknown', why: 'the addresses were not read'};
  if (settings.rp_filter === 0 && (iif !== oif || settings.send_redirects === 0)) {
    if (settings.accept_local !== 0) return valid;
    if (!rulesOf(state, 4).custom && !hasOwnLocalRoutes(state)) {
      const address = own.find((a) => a.local === src);
      return address === undefined ? valid : {verdict: 'martian', why: `${src} is an address of ${address.dev} of this namespace itself`};
    }
  }
  // Nothing leads back, or it came in by a device without an address: only rp_filter minds, the loose one too.
  const lastResort = (why: string): Validation => (settings.rp_filter === 0 ? valid : {verdict: 'reverse-path', why});
  const back = lookup(state, backOf(packet, oif, settings.src_valid_mark !== 0));
  if (back.kind === 'unknown') return {verdict: 'unknown', why: `the way back to ${src}: ${back.why}`};
  if (back.kind !== 'route') return lastResort(`no route leads back to ${src}`);
  const {route} = back;
  if (route.type !== 'unicast' && !(route.type === 'local' && settings.accept_local !== 0))
    return {verdict: 'martian', why: `${src} is a ${route.type} address here`, route};
  const legs = legsOf(state, route);
  if (legs === 'unknown') return {verdict: 'unknown', why: `next hop object ${route.nhid} was not read`};
  if (legs !== 'blackhole' && legs.some(({dev}) => dev === iif)) return valid;
  if (route.type === 'local' && iif === 'lo') return valid;
  if (!own.some((a) => a.dev === iif)) return lastResort(`${iif} has no address, and the way back to ${src} does not lead through it`);
  if (settings.rp_filter === 1) return {verdict: 'reverse-path', why: `the way back to ${src} does not lead through ${iif}`, route};
  return valid;
}

/** The packet turned round, as it would come in by the device that this one is to leave by. */
function backOf({src, dst, iif: _, mark, sport, dport, oif: __, ...rest}: Arrival, oif: string | undefined, marked: boolean): Query {
  return {
    ...rest,
    dst: src,
    src: dst,
    uid: 0,
    ...(oif !== undefined && {iif: oif}),
    ...(marked && mark !== undefined && {mark}),
    ...(dport !== undefined && {sport: dport}),
    ...(sport !== undefined && {dport: sport}),
  };
}

const known = new WeakMap<readonly Route[], boolean>();

/** Routes of type `local` that no address brought about. */
function hasOwnLocalRoutes(state: Namespace): boolean {
  const routes = state.tables.route ?? [];
  let has = known.get(routes);
  if (has === undefined) {
    has = routes.some((r) => r.family === 4 && r.type === 'local' && r.protocol !== 'kernel');
    known.set(routes, has);
  }
  return has;
}
