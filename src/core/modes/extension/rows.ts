import type {Address} from '../../kernel/address.js';
import type {Fdb} from '../../kernel/fdb.js';
import type {Link} from '../../kernel/link.js';
import type {Neigh} from '../../kernel/neigh.js';
import type {Route} from '../../kernel/route.js';
import type {WgPeer} from '../../kernel/wg.js';
import {familyOf, tryIp, tryMac} from '../../net/address.js';
import {lengthOf, tryPrefix} from '../../net/prefix.js';

/** Rows of the tables that such commands fill. */
export interface Rows {
  readonly link: Link;
  readonly address: Address;
  readonly route: Route;
  readonly neigh: Neigh;
  readonly fdb: Fdb;
  readonly wg: WgPeer;
}

/** What one command makes in the kernel. */
export type Made = {readonly [T in keyof Rows]: {readonly table: T; readonly row: Rows[T]}}[keyof Rows];

/** Read, and nothing that the tables would show. */
export type Nothing = 'nothing';

const after = (words: readonly string[], name: string): string | undefined => {
  const at = words.indexOf(name);
  return at < 0 ? undefined : words[at + 1];
};

/**
 * A command of `ip`, `bridge` or `wg` as the row that it makes; undefined when it is none that is understood.
 * @param uplink the device of a route that names none
 */
export function madeBy(command: readonly string[], uplink: string): Made | Nothing | undefined {
  const [program = '', ...rest] = command;
  const [object = '', verb = '', ...words] = rest.filter((w) => !/^-[46]$/.test(w));
  const adds = /^(?:a|add|append|replace)$/.test(verb);
  if (program === 'wg') return object === 'set' ? wireguard(verb, words) : undefined;
  if (program === 'bridge') return object === 'fdb' && adds ? fdb(words) : undefined;
  if (program !== 'ip') return undefined;
  if (/^(?:l|link)$/.test(object)) return adds ? link(words) : 'nothing';
  if (!adds) return /^(?:d|del|delete)$/.test(verb) ? 'nothing' : undefined;
  if (/^(?:r|ro|route)$/.test(object)) return route(words, uplink);
  if (/^(?:n|neigh|neighbor|neighbour)$/.test(object)) return neigh(words);
  if (/^(?:a|addr|address)$/.test(object)) return address(words);
  return undefined;
}

function route([dst = '', ...words]: readonly string[], uplink: string): Made | undefined {
  const to = tryPrefix(dst);
  const gateway = tryIp(after(words, 'via') ?? '');
  if (to === undefined || (words.includes('via') && gateway === undefined) || words.includes('table')) return undefined;
  const family = familyOf(to);
  return {
    table: 'route',
    row: {
      family,
      table: 'main',
      type: 'unicast',
      dst: to,
      ...(gateway !== undefined && {gateway}),
      dev: after(words, 'dev') ?? uplink,
      metric: Number(after(words, 'metric') ?? (family === 6 ? 1024 : 0)),
      flags: words.includes('onlink') ? ['onlink'] : [],
    },
  };
}

function neigh(words: readonly string[]): Made | undefined {
  const dst = tryIp(after(words, 'to') ?? words[0] ?? '');
  const [lladdr, dev] = [tryMac(after(words, 'lladdr') ?? ''), after(words, 'dev')];
  if (dst === undefined || lladdr === undefined || dev === undefined) return undefined;
  return {table: 'neigh', row: {family: familyOf(dst), dst, dev, lladdr, state: ['PERMANENT']}};
}

function fdb(words: readonly string[]): Made | undefined {
  const mac = tryMac(words[0] ?? '');
  const [dev, dst] = [after(words, 'dev'), tryIp(after(words, 'dst') ?? '')];
  return mac === undefined || dev === undefined || dst === undefined
    ? undefined
    : {table: 'fdb', row: {mac, dev, dst, flags: ['self'], state: 'permanent'}};
}

function address(words: readonly string[]): Made | undefined {
  const [text = ''] = words;
  const [local, dev] = [tryIp(text.split('/')[0] ?? ''), after(words, 'dev')];
  const prefix = tryPrefix(text);
  if (local === undefined || prefix === undefined || dev === undefined) return undefined;
  return {table: 'address', row: {family: familyOf(local), dev, local, prefixlen: lengthOf(prefix), scope: 'global', flags: []}};
}

function link(words: readonly string[]): Made | undefined {
  const name = after(words, 'name') ?? after(words, 'dev') ?? words[0];
  const at = words.indexOf('type');
  const kind = at < 0 ? undefined : words[at + 1];
  if (name === undefined || kind === undefined) return undefined;
  const details = words.slice(at);
  const [id, port] = [Number(after(details, 'id')), Number(after(details, 'dstport'))];
  return {
    table: 'link',
    row: {
      ifname: name === 'type' ? kind : name,
      kind,
      flags: ['UP'],
      mtu: Number(after(words.slice(0, at), 'mtu') ?? 0),
      ...(kind === 'vxlan' && {info: {...(id > 0 && {id}), ...(port > 0 && {port}), learning: !details.includes('nolearning')}}),
    },
  };
}

function wireguard(dev: string, words: readonly string[]): Made | Nothing | undefined {
  const key = after(words, 'peer');
  if (key === undefined) return 'nothing';
  if (words.includes('remove')) return 'nothing';
  const [, v6, v4, port] = /^(?:\[([^\]]+)\]|([^:]+)):(\d+)$/.exec(after(words, 'endpoint') ?? '') ?? [];
  const endpoint = tryIp(v6 ?? v4 ?? '');
  const allowed = (after(words, 'allowed-ips') ?? '').split(',').flatMap((p) => tryPrefix(p) ?? []);
  const keepalive = Number(after(words, 'persistent-keepalive') ?? 0);
  return {
    table: 'wg',
    row: {
      dev,
      publicKey: key,
      ...(endpoint !== undefined && {endpoint: {address: endpoint, port: Number(port)}}),
      allowedIPs: allowed,
      rxBytes: 0,
      txBytes: 0,
      ...(keepalive > 0 && {persistentKeepalive: keepalive}),
    },
  };
}
