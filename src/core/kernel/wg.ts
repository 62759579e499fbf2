import type {Table} from './table.js';
import {parseWireguard, type WireguardPeer} from './wireguard.js';

/** A peer of a WireGuard device, as a row of its own: what `wg show all dump` prints in one line. */
export interface WgPeer extends WireguardPeer {
  readonly dev: string;
}

/** `address:port`, IPv6 in brackets: as wg takes and prints it. */
export const shownEndpoint = ({address, port}: NonNullable<WgPeer['endpoint']>): string =>
  address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;

/** WireGuard's peers with their allowed addresses: `wg show all dump`. What belongs to the device itself is in its link's `info`. */
export const wg: Table<WgPeer> = {
  name: 'wg',
  supply: [{sections: ['wg-show']}],
  parse(output, context) {
    const {rows, problems} = parseWireguard(output, context);
    return {rows: rows.flatMap(({ifname, peers}) => peers.map((peer): WgPeer => ({...peer, dev: ifname}))), problems};
  },
  key: (row) => `${row.dev} ${row.publicKey}`,
  show(row) {
    const words = [`peer ${row.publicKey} dev ${row.dev}`, `allowed-ips ${row.allowedIPs.join(',') || '(none)'}`];
    if (row.endpoint !== undefined) words.push(`endpoint ${shownEndpoint(row.endpoint)}`);
    if (row.persistentKeepalive !== undefined) words.push(`persistent-keepalive ${row.persistentKeepalive}`);
    if (row.preshared === true) words.push('preshared-key (hidden)');
    return words.join(' ');
  },
};

/** The links with what WireGuard says of its devices: `publicKey`, `listenPort` and `fwmark` in `info`. */
export function withDevices<
  L extends {readonly ifname: string; readonly kind?: string; readonly info?: {readonly [name: string]: unknown}},
>(links: readonly L[], dump: {readonly out: string; readonly command: string} | undefined): readonly L[] {
  if (dump === undefined) return links;
  const devices = new Map(parseWireguard(dump.out, {command: dump.command}).rows.map((d) => [d.ifname, d]));
  if (devices.size === 0) return links;
  return links.map((link) => {
    const device = devices.get(link.ifname);
    if (device === undefined) return link;
    const {publicKey, listenPort, fwmark} = device;
    const known = {listenPort, ...(publicKey !== undefined && {publicKey}), ...(fwmark !== undefined && {fwmark})};
    return {...link, info: {...link.info, ...known}};
  });
}
