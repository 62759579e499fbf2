import type {Address} from '../kernel/address.js';
import {type Ip, numberOf} from '../net/address.js';
import {contains} from '../net/prefix.js';
import {conf, type Namespace} from './query.js';

/** `ip addrlabel` as the kernel is born with it; the longest prefix decides. */
const labels: readonly (readonly [prefix: string, label: number])[] = [
  ['::1/128', 0],
  ['::/96', 3],
  ['::ffff:0:0/96', 4],
  ['2001::/32', 6],
  ['2001:10::/28', 7],
  ['3ffe::/16', 12],
  ['2002::/16', 2],
  ['fec0::/10', 11],
  ['fc00::/7', 5],
  ['::/0', 1],
];
const labelOf = (address: Ip): number => labels.find(([prefix]) => contains(prefix, address))?.[1] ?? 1;

const LINK_LOCAL = 2;
const SITE_LOCAL = 5;
const GLOBAL = 14;

/** The scope by the address alone, as the kernel reckons it: loopback counts as link-local, unique local addresses as global. */
function scopeOf(address: Ip): number {
  if (address === '::1' || contains('fe80::/10', address)) return LINK_LOCAL;
  if (contains('fec0::/10', address)) return SITE_LOCAL;
  if (contains('ff00::/8', address)) return Number((numberOf(address) >> 112n) & 0xfn);
  return GLOBAL;
}

/** How many leading bits two addresses share. */
function shared(a: Ip, b: Ip): number {
  const differ = numberOf(a) ^ numberOf(b);
  return differ === 0n ? 128 : 128 - differ.toString(2).length;
}

/**
 * ipv6_dev_get_saddr (RFC 6724): of the addresses of all devices (of one, when the destination has a scope of its own) the one that
 * wins at the first of these that differs: it is the destination; a scope that suffices, the smaller the better; not deprecated; on the
 * device it leaves by; the same label; not temporary, or temporary where that is asked for; the longest shared prefix. Ties go to the first.
 */
export function source6(state: Namespace, addresses: readonly Address[], dst: Ip, dev: string | undefined): Ip | undefined {
  const wanted = scopeOf(dst);
  const near = wanted <= LINK_LOCAL || contains('ff00::/8', dst) || (dev !== undefined && conf(state, 6, dev, 'use_oif_addrs_only') === 1);
  const label = labelOf(dst);
  const score = (address: Address): readonly number[] => {
    const {local, flags} = address;
    const scope = scopeOf(local);
    const temporaryWanted = (conf(state, 6, address.dev, 'use_tempaddr') ?? 0) >= 2;
    return [
      Number(local === dst),
      scope >= wanted ? -scope : scope - 128,
      Number(local === '::1' || !(flags.includes('deprecated') || flags.includes('optimistic'))),
      Number(dev === undefined || address.dev === dev),
      Number(labelOf(local) === label),
      Number(flags.includes('temporary') === temporaryWanted),
      Number(contains('2001:10::/28', local) === contains('2001:10::/28', dst)),
      Math.min(shared(local, dst), address.prefixlen),
    ];
  };
  const place = new Map((state.tables.link ?? []).map((l, i) => [l.ifname, l.ifindex ?? i]));
  const usable = addresses
    .filter((a) => !(a.flags.includes('tentative') && !a.flags.includes('optimistic')) && (!near || a.dev === dev))
    .toSorted((a, b) => (place.get(a.dev) ?? 0) - (place.get(b.dev) ?? 0))
    .map((address) => ({address, score: score(address)}));
  let best = usable[0];
  for (const candidate of usable) if (best !== undefined && isMore(candidate.score, best.score)) best = candidate;
  return best?.address.local;
}

function isMore(a: readonly number[], b: readonly number[]): boolean {
  const at = a.findIndex((value, i) => value !== b[i]);
  return at >= 0 && (a[at] ?? 0) > (b[at] ?? 0);
}
