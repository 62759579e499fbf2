import type {CloudEni, CloudRoute} from '../../cloud/cloud.js';
import type {Link} from '../../kernel/link.js';
import {attachmentsOf} from '../../model/attachment.js';
import type {Ip} from '../../net/address.js';
import {contains} from '../../net/prefix.js';
import type {InFlight} from '../packet.js';
import {doubt, type End, ended, type Trip} from '../trip.js';
import type {Place} from '../world.js';
import {hasOwnAddresses} from './owner.js';

/** The cloud's interface that a device of this place is: by its hardware address, else by an address that it has. */
export function interfaceOf({world}: Trip, place: Place, link: Link): CloudEni | undefined {
  const {enis} = world.cluster.cloud ?? {};
  const held = (place.state.tables.address ?? []).filter((a) => a.dev === link.ifname).map((a) => a.local);
  return (
    enis?.find((e) => e.mac !== undefined && e.mac === link.address) ??
    enis?.find((e) => e.addresses.some((a) => a.primary && held.includes(a.address)))
  );
}

/**
 * May the packet leave the machine by this device with its source? Clouds drop what is neither an address of the interface nor what a row
 * leads to its machine; AWS says of each interface whether it is checked, Tencent and Alibaba do not (model/cloud-modes.md §2.5). What
 * cannot be known is a doubt: it arrives or is lost, as the cloud checks.
 */
export function barredOut(trip: Trip, place: Place, link: Link, packet: InFlight): End | undefined {
  const {src} = packet;
  const {cloud} = trip.world.cluster;
  const eni = interfaceOf(trip, place, link);
  if (eni) {
    if (eni.sourceDestCheck === false || has(eni, src)) return undefined;
    const row = cloud?.routes?.find(
      (one) =>
        contains(one.dst, src) &&
        !one.dst.endsWith('/0') &&
        // A row to the machine is the interface's that has the address which it names, where that is known.
        (means(one, eni) || (one.nextHop.node === place.node && !cloud.enis?.some((other) => means(one, other)))),
    );
    if (row && eni.sourceDestCheck === undefined) return undefined;
    const what = `${src} is no address of ${eni.id}, which is ${link.ifname} of ${place.node}`;
    if (eni.sourceDestCheck === true)
      return ended(
        trip,
        'underlay',
        'fabric',
        'source-check',
        `${what}, and the cloud drops what an interface sends with another's address`,
        {
          certainty: 'declared',
          evidence: [{node: 'underlay', command: cloud?.sources.enis?.from ?? 'network interfaces of the cloud', lines: [shown(eni)]}],
        },
      );
    // Pods of a part of its own are sent with their addresses, and the cloud knows them by its rows.
    if (cloud?.routes === undefined && !hasOwnAddresses(trip.world, place)) return undefined;
    doubt(trip, `${what}: it is lost if the cloud checks what an interface sends, and that is not in what it prints`, 'source-check');
    return undefined;
  }
  const other = meantFor(trip, place, link, src);
  if (other !== undefined)
    doubt(
      trip,
      `${src} leaves ${place.node} by ${link.ifname} and belongs to ${other}: it is lost if the cloud checks what an interface sends`,
      'source-check',
    );
  return undefined;
}

const has = ({addresses, prefixes}: CloudEni, address: Ip): boolean =>
  addresses.some((a) => a.address === address) || prefixes.some((p) => contains(p, address));

/** Does the row lead to this very interface? */
const means = ({nextHop: {id, ip}}: CloudRoute, eni: CloudEni): boolean => id === eni.id || (ip !== undefined && has(eni, ip));

const shown = (eni: CloudEni): string =>
  [
    eni.id,
    eni.mac,
    `addresses ${[...eni.addresses.map((a) => a.address), ...eni.prefixes].join(', ')}`,
    eni.sourceDestCheck && 'SourceDestCheck true',
  ]
    .filter(Boolean)
    .join(' ');

/** The device that a source belongs to, where it is another: of a pod the interface that its rules lead to, of the node the one that has it. */
function meantFor(trip: Trip, place: Place, link: Link, src: Ip): string | undefined {
  if (place.own === undefined || !hasOwnAddresses(trip.world, place)) return undefined;
  const held = place.state.tables.address?.filter((a) => a.local === src).map((a) => a.dev);
  if (held && held.length > 0) return held.includes(link.ifname) || held.includes('lo') ? undefined : held[0];
  const pods = attachmentsOf(place.own);
  const own = pods.find((a) => a.address === src);
  if (own === undefined) return pods.some((a) => a.kind === 'bridge') ? undefined : 'another machine';
  if (own.kind !== 'policy') return undefined;
  // Where its own rule is gone, the interface that its neighbours use.
  const enis = new Set(own.eni === undefined ? pods.flatMap((a) => a.eni ?? []) : [own.eni]);
  const [only] = enis;
  return enis.size === 1 && only !== link.ifname ? only : undefined;
}
