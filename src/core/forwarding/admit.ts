import type {Route} from '../kernel/route.js';
import {familyOf} from '../net/address.js';
import {contains} from '../net/prefix.js';
import {type Lookup, lookup} from './lookup.js';
import {conf, type Namespace} from './query.js';
import {type Arrival, type SourceSettings, type Validation, validateSource} from './reverse-path.js';

export type {Arrival} from './reverse-path.js';

/** May a packet that came in go on? */
export type Admission =
  /** Nothing stands against it; `lookup` says where it goes, which may be nowhere. */
  | {readonly ok: true; readonly lookup: Lookup}
  | {
      readonly ok: false;
      readonly disposition: 'not-forwarded' | 'reverse-path' | 'martian';
      readonly why: string;
      /** The kernel parameters that decided, as `sysctl` prints them but with the path of /proc/sys. */
      readonly sysctls: readonly string[];
      /** The route that leads back to the source, or the one that the packet may not take. */
      readonly route?: Route;
    }
  | {readonly ok: 'unknown'; readonly why: string};

const refuse = (
  disposition: 'not-forwarded' | 'reverse-path' | 'martian',
  why: string,
  sysctls: readonly string[] = [],
  route?: Route,
): Admission => ({ok: false, disposition, why, sysctls, ...(route !== undefined && {route})});

/** What the kernel asks of a packet that came in by a device before and after it looked up where it goes. */
export function admit(state: Namespace, packet: Arrival): Admission {
  return familyOf(packet.dst) === 4 ? admit4(state, packet) : admit6(state, packet);
}

/** `sysctl` lines for those parameters of `all` and the device that were read. */
const shown = (state: Namespace, family: 4 | 6, devs: readonly string[], name: string): readonly string[] =>
  devs.flatMap((dev) => {
    const key = `net/ipv${family}/conf/${dev}/${name}`;
    const value = state.sysctl?.get(key);
    return value === undefined ? [] : [`${key} = ${value}`];
  });

/** ip_route_input_slow. */
function admit4(state: Namespace, packet: Arrival): Admission {
  const {src, dst, iif} = packet;
  if (contains('224.0.0.0/4', dst)) return {ok: 'unknown', why: `${dst} is a multicast address`};
  if (contains('224.0.0.0/4', src) || src === '255.255.255.255') return refuse('martian', `${src} is no source address`);
  if (dst === '255.255.255.255' || (src === '0.0.0.0' && dst === '0.0.0.0')) {
    const everybody: Route = {family: 4, table: 'local', type: 'broadcast', dst: `${dst}/32`, metric: 0, flags: []};
    const found: Lookup = {kind: 'route', rule: undefined, route: everybody, legs: []};
    return src === '0.0.0.0' ? {ok: true, lookup: found} : validated(state, {...packet, dst: '0.0.0.0'}, found, undefined);
  }
  // The rest of 0.0.0.0/8 is as good as any other.
  if (src === '0.0.0.0') return refuse('martian', `${src} is no source address`);
  if (dst === '0.0.0.0') return refuse('martian', `${dst} is no destination`);
  const loopback = [dst, src].find((address) => contains('127.0.0.0/8', address));
  if (loopback !== undefined && iif !== 'lo' && !either(state, iif, 'route_localnet', [0]).includes(1))
    return refuse('martian', `${loopback} is a loopback address`, shown(state, 4, ['all', iif], 'route_localnet'));
  const found = lookup(state, {...packet, uid: packet.uid ?? 0});
  if (found.kind === 'unknown') return {ok: 'unknown', why: found.why};
  if (found.kind === 'route' && found.route.type === 'broadcast') return validated(state, {...packet, dst: '0.0.0.0'}, found, undefined);
  if (found.kind === 'route' && found.route.type === 'local') return validated(state, packet, found, undefined);
  const forwarding = conf(state, 4, iif, 'forwarding');
  if (forwarding === undefined) return {ok: 'unknown', why: `net/ipv4/conf/${iif}/forwarding was not read`};
  if (forwarding === 0) {
    const why = `forwarding is off for what comes in by ${iif}, and ${dst} is not an address of this namespace`;
    return refuse('not-forwarded', why, shown(state, 4, [iif], 'forwarding'), found.kind === 'route' ? found.route : undefined);
  }
  if (found.kind !== 'route') return {ok: true, lookup: found};
  if (found.route.type !== 'unicast') return refuse('martian', `the route to ${dst} is of type ${found.route.type}`, [], found.route);
  return firstOf(found.legs.map(({dev}) => validated(state, packet, found, dev)));
}

/** The legs of a multipath route may lead to different answers, and which leg it takes is not known. */
function firstOf(answers: readonly Admission[]): Admission {
  const first = answers[0] ?? {ok: 'unknown', why: 'the route has no leg'};
  if (answers.every((a) => a.ok === first.ok)) return first;
  return {ok: 'unknown', why: 'it hangs on the leg of the multipath route that the flow takes'};
}

function validated(state: Namespace, packet: Arrival, found: Lookup, oif: string | undefined): Admission {
  const answers = settingsOf(state, packet.iif).map((settings) => validateSource(state, packet, oif, settings));
  const verdicts = new Set(answers.map(({verdict}) => verdict));
  const first = answers[0] as Validation;
  if (verdicts.size > 1) return {ok: 'unknown', why: `the kernel parameters of ${packet.iif} that judge the source were not all read`};
  if (first.verdict === 'unknown') return {ok: 'unknown', why: first.why};
  if (first.verdict === 'valid') return {ok: true, lookup: found};
  const name = first.verdict === 'martian' ? 'accept_local' : 'rp_filter';
  return refuse(first.verdict, first.why, shown(state, 4, ['all', packet.iif], name), first.route);
}

/** The values a parameter may have: read ones only one, others any. `all` and the device are or-ed. */
function either(state: Namespace, iif: string, name: string, otherwise: readonly number[]): readonly number[] {
  const [all, own] = [conf(state, 4, 'all', name), conf(state, 4, iif, name)];
  if (all || own) return [1];
  return all === undefined || own === undefined ? otherwise : [0];
}

const settings = new WeakMap<ReadonlyMap<string, string>, Map<string, readonly SourceSettings[]>>();

/** Worked out once a device: all packets that come in by it are judged by the same parameters. */
function settingsOf(state: Namespace, iif: string): readonly SourceSettings[] {
  if (state.sysctl === undefined) return readSettings(state, iif);
  let known = settings.get(state.sysctl);
  if (!known) {
    known = new Map();
    settings.set(state.sysctl, known);
  }
  let own = known.get(iif);
  if (!own) {
    own = readSettings(state, iif);
    known.set(iif, own);
  }
  return own;
}

function readSettings(state: Namespace, iif: string): readonly SourceSettings[] {
  const [all, own] = [conf(state, 4, 'all', 'rp_filter'), conf(state, 4, iif, 'rp_filter')];
  const filters = all === undefined || own === undefined ? [0, 1, 2].filter((n) => n >= (all ?? own ?? 0)) : [Math.max(all, own)];
  return filters.flatMap((rp_filter) =>
    either(state, iif, 'src_valid_mark', [0, 1]).flatMap((src_valid_mark) =>
      either(state, iif, 'accept_local', [0, 1]).flatMap((accept_local) =>
        either(state, iif, 'send_redirects', [0, 1]).map((send_redirects) => ({rp_filter, src_valid_mark, accept_local, send_redirects})),
      ),
    ),
  );
}

/** ip6_rcv_core, ip6_route_input, ip6_forward: IPv6 has no rp_filter, and only `all` lets it forward. */
function admit6(state: Namespace, packet: Arrival): Admission {
  const {src, dst, iif} = packet;
  if (contains('ff00::/8', dst)) return {ok: 'unknown', why: `${dst} is a multicast address`};
  if (contains('ff00::/8', src)) return refuse('martian', `${src} is no source address`);
  const loopback = [dst, src].find((address) => address === '::1');
  if (loopback !== undefined && iif !== 'lo') return refuse('martian', `${loopback} is the loopback address`);
  if (conf(state, 6, iif, 'disable_ipv6') === 1)
    return refuse('not-forwarded', `IPv6 is off on ${iif}`, shown(state, 6, [iif], 'disable_ipv6'));
  const found = lookup(state, {...packet, uid: packet.uid ?? 0});
  if (found.kind === 'unknown') return {ok: 'unknown', why: found.why};
  if (found.kind !== 'route' || found.route.type === 'local' || found.route.type === 'anycast') return {ok: true, lookup: found};
  const all = conf(state, 6, 'all', 'forwarding');
  const forced = conf(state, 6, iif, 'force_forwarding') === 1;
  if (all === undefined && !forced) return {ok: 'unknown', why: 'net/ipv6/conf/all/forwarding was not read'};
  if (all === 0 && !forced) {
    const why = `forwarding of IPv6 is off, and ${dst} is not an address of this namespace`;
    return refuse('not-forwarded', why, shown(state, 6, ['all'], 'forwarding'), found.route);
  }
  if (src === '::' || contains('fe80::/10', src)) return refuse('martian', `${src} may not leave its link`, [], found.route);
  return {ok: true, lookup: found};
}
