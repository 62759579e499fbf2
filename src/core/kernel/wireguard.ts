import type {Ip, Prefix} from '../net/address.js';
import {tryPrefix} from '../net/prefix.js';
import type {ParseContext, Parsed, ParseProblem, Sourced} from './table.js';
import {ipIn} from './words.js';

/** A peer of a WireGuard device. */
export interface WireguardPeer extends Sourced {
  readonly publicKey: string;
  readonly endpoint?: {readonly address: Ip; readonly port: number};
  readonly allowedIPs: readonly Prefix[];
  /** Unix time in seconds; absent before the first handshake. */
  readonly latestHandshake?: number;
  readonly rxBytes: number;
  readonly txBytes: number;
  /** Seconds; absent when off. */
  readonly persistentKeepalive?: number;
  /** There is a preshared key, whichever: only that is kept of it. */
  readonly preshared?: true;
}

/** A WireGuard device with its peers. Private and preshared keys are never kept, whether the listing hid them or not. */
export interface WireguardDevice extends Sourced {
  readonly ifname: string;
  /** Absent when the device has no private key yet. */
  readonly publicKey?: string;
  readonly listenPort: number;
  readonly fwmark?: number;
  readonly peers: readonly WireguardPeer[];
}

const publicKey = /^[A-Za-z0-9+/]{43}=$/;
const endpointText = /^(?:\[([^\]]+)\]|([^:]+)):(\d+)$/;

/**
 * Reads `wg show all dump` (wg(8)): a line of five words for each device, then one of nine for each peer, separated by tabs;
 * `(none)`, `(hidden)` and `off` stand for nothing. Never throws; what is in the columns of secret keys is not looked at.
 */
export function parseWireguard(output: string, context: ParseContext): Parsed<WireguardDevice> {
  const devices = new Map<string, Omit<WireguardDevice, 'peers'> & {peers: WireguardPeer[]}>();
  const problems: ParseProblem[] = [];
  const lines = output.split('\n');
  for (let i = 0; i < lines.length; i++) {
    const line = (lines[i] ?? '').trim();
    if (line === '') continue;
    const words = line.split(/\s+/);
    const origin = {command: context.command, line: i + 1, raw: withoutSecrets(words)};
    const [ifname = ''] = words;
    if (words.length === 5) {
      const device = readDevice(words);
      devices.set(ifname, {...device, peers: [], origin});
    } else {
      const device = devices.get(ifname);
      const peer = words.length === 9 && device !== undefined ? readPeer(words) : undefined;
      if (peer === undefined || device === undefined) {
        const why = 'not a line of "wg show all dump": five words for a device, nine for a peer of a device above';
        problems.push({command: context.command, line: i + 1, text: origin.raw, why});
      } else device.peers.push({...peer, origin});
    }
  }
  return {rows: [...devices.values()], problems};
}

/** The second column of a device and the third of a peer are secret; in a line of another shape every word that looks like a key. */
function withoutSecrets(words: readonly string[]): string {
  const secret = words.length === 5 ? 1 : words.length === 9 ? 2 : undefined;
  return words.map((word, i) => (i === secret || (secret === undefined && publicKey.test(word)) ? '(hidden)' : word)).join('\t');
}

function readDevice(words: readonly string[]): Omit<WireguardDevice, 'peers'> {
  const [ifname = '', , key = '', port = '', mark = ''] = words;
  return {
    ifname,
    ...(publicKey.test(key) ? {publicKey: key} : {}),
    listenPort: Number(port) || 0,
    ...(mark === 'off' || Number.isNaN(Number(mark)) ? {} : {fwmark: Number(mark)}),
  };
}

function readPeer(words: readonly string[]): WireguardPeer | undefined {
  const [, key = '', preshared = '', endpoint = '', allowed = '', handshake = '', rx = '', tx = '', keepalive = ''] = words;
  if (!publicKey.test(key)) return undefined;
  const [, v6, v4, port] = endpointText.exec(endpoint) ?? [];
  const address = ipIn(v6 ?? v4);
  const prefixes = allowed === '(none)' ? [] : allowed.split(',').map(tryPrefix);
  if (prefixes.includes(undefined)) return undefined;
  return {
    publicKey: key,
    ...(address === undefined ? {} : {endpoint: {address, port: Number(port)}}),
    allowedIPs: prefixes as Prefix[],
    ...(Number(handshake) > 0 ? {latestHandshake: Number(handshake)} : {}),
    rxBytes: Number(rx) || 0,
    txBytes: Number(tx) || 0,
    ...(Number(keepalive) > 0 ? {persistentKeepalive: Number(keepalive)} : {}),
    ...(preshared === '(none)' || preshared === '' ? {} : {preshared: true}),
  };
}
