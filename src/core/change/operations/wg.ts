import {shownEndpoint, wg as table, type WgPeer} from '../../kernel/wg.js';
import type {Line} from './kind.js';
import {rowKind} from './row.js';

/** `wg` in words that no shell takes for anything else: keys are base64, the rest are addresses and numbers. */
const set = ({dev, publicKey}: WgPeer, words: readonly string[]): Line => ({
  tool: 'sh',
  text: `wg set ${dev} peer ${publicKey} ${words.join(' ')}`,
});

const sorted = (row: WgPeer): string => row.allowedIPs.toSorted().join();

/** Peers of a WireGuard device. A preshared key is never read, and so never written: see what deletes a device. */
export const wg = rowKind('wg', {
  name: 'peer',
  is: (a, b) => a.dev === b.dev && a.publicKey === b.publicKey,
  equal: (a, b) =>
    sorted(a) === sorted(b) &&
    (a.persistentKeepalive ?? 0) === (b.persistentKeepalive ?? 0) &&
    (a.endpoint && shownEndpoint(a.endpoint)) === (b.endpoint && shownEndpoint(b.endpoint)),
  show: table.show,
  dev: (row) => row.dev,
  listed({latestHandshake: _, ...row}) {
    return {...row, rxBytes: 0, txBytes: 0};
  },
  put: (row) => [
    set(row, [
      ...(row.endpoint === undefined ? [] : ['endpoint', shownEndpoint(row.endpoint)]),
      'persistent-keepalive',
      String(row.persistentKeepalive ?? 0),
      'allowed-ips',
      // An empty word is wg's for none.
      row.allowedIPs.length === 0 ? "''" : row.allowedIPs.join(','),
    ]),
  ],
  drop: (row) => [set(row, ['remove'])],
  refuses(row, rows) {
    if (!/^[A-Za-z0-9+/]{43}=$/.test(row.publicKey)) return `${JSON.stringify(row.publicKey)} is no key of WireGuard`;
    // The kernel would take the prefix away from the other one, which no inverse of this would give back.
    const other = rows.find(
      (p) => p.dev === row.dev && p.publicKey !== row.publicKey && p.allowedIPs.some((prefix) => row.allowedIPs.includes(prefix)),
    );
    return other && `${table.show(other)} has one of its prefixes`;
  },
});
