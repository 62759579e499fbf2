import type {Family, Ip, Prefix} from '../net/address.js';
import type {Command} from './prompt.js';
import {type Draft, type Place, type Reader, read, type Sink} from './reading.js';
import {routeElement} from './route-json.js';
import {isRouteNHeader, routeNLine} from './route-n.js';
import {routeLines} from './route-text.js';
import {terminalTypes, timeMetrics} from './route-words.js';
import type {Sourced, Table} from './table.js';
import {ipIn, shownPrefix, tableIn} from './words.js';

export interface Nexthop {
  readonly gateway?: Ip;
  readonly dev?: string;
  readonly weight?: number;
  readonly flags: readonly string[];
}

/** A row of `ip route show table all`, both families; the words are those of `ip -j`. */
export interface Route extends Sourced {
  readonly family: Family;
  /** Always written: `main`, `local`, `default`, or the number or name of another table. */
  readonly table: string;
  /** `unicast`, `local`, `broadcast`, `blackhole`, `unreachable`, `prohibit`, `throw`, `multicast`, `anycast`, `nat`. */
  readonly type: string;
  readonly dst: Prefix;
  readonly tos?: string;
  /** May be of the other family (`via inet6 …`). */
  readonly gateway?: Ip;
  readonly dev?: string;
  /** 0 when not printed; IPv6 always prints one (1024 by default). */
  readonly metric: number;
  readonly protocol?: string;
  readonly scope?: string;
  readonly prefsrc?: Ip;
  readonly from?: Prefix;
  /** `onlink`, `linkdown`, `dead`, `offload`, … */
  readonly flags: readonly string[];
  readonly nexthops?: readonly Nexthop[];
  readonly nhid?: number;
  /** `mtu`, `advmss`, … in bytes; `lock` only in text. */
  readonly metrics?: {readonly [name: string]: number};
  readonly locked?: readonly string[];
  readonly pref?: string;
  /** Attributes this version of flanctl has no name for; kept, never fatal. */
  readonly extra?: {readonly [name: string]: unknown};
}

/** The table as `ip route show` names it in the command's own filter; `all` filters nothing. */
const filteredTable = (filter: string | undefined): string =>
  filter === undefined || filter === 'all' || filter === '0' ? 'main' : tableIn(filter);

/** What the command filtered for is missing from every row it printed (iproute2's iproute.c, print_route). */
function complete(row: Draft<Route>, filters: Command['filters']): void {
  if (row.table === '') row.table = filteredTable(filters['table']);
  const single = row.nexthops === undefined && !terminalTypes.has(row.type);
  const {dev, scope} = filters;
  if (dev !== undefined && row.dev === undefined && single) row.dev = dev;
  if (scope !== undefined && row.scope === undefined) row.scope = scope;
  const protocol = filters['proto'] ?? filters['protocol'];
  if (protocol !== undefined && row.protocol === undefined) row.protocol = protocol;
  const via = ipIn(filters['via']);
  if (via !== undefined && row.gateway === undefined && single) row.gateway = via;
}

/** busybox prints a multipath route without its hops; the row is kept, but it must not pass for a whole one. */
const isWhole = (row: Route): boolean =>
  row.dev !== undefined || row.gateway !== undefined || row.nexthops !== undefined || row.nhid !== undefined || terminalTypes.has(row.type);

function accept(sink: Sink<Route>): (row: Draft<Route>, at: Place) => void {
  return (row, at) => {
    complete(row, at.command.filters);
    sink.rows.push(row);
  };
}

const reader: Reader<Route> = {
  objects: ['route', 'route-n'],
  element(element, at, sink) {
    const row = routeElement(element, at);
    if (typeof row === 'string') sink.problem(row, at);
    else accept(sink)(row, at);
  },
  lines(sink) {
    const take = accept(sink);
    const ipRoute = routeLines(take, sink);
    let columns = false;
    return (line, at) => {
      if (isRouteNHeader(line)) columns = true;
      else if (!columns) ipRoute(line, at);
      else {
        const row = routeNLine(line, at);
        if (typeof row === 'string') sink.problem(row, at);
        else take(row, at);
      }
    };
  },
};

/** The routing tables of both families: `ip route`, `ip -6 route`, `route -n`, as JSON or text. */
export const route: Table<Route> = {
  name: 'route',
  supply: [
    {family: 4, sections: ['ip-route-all', 'ip-route', 'route-n']},
    {family: 6, sections: ['ip-6-route-all', 'ip-6-route']},
  ],
  parse(output, context) {
    const parsed = read(output, context, reader);
    // Hops come on later lines, so whether a route has any is known only now.
    const cut = parsed.rows.filter((row) => !isWhole(row));
    if (cut.length === 0) return parsed;
    const why = 'printed without its next hops (busybox does this to multipath routes)';
    const problems = cut.map(({origin}) => ({command: origin?.command ?? '', line: origin?.line ?? 0, text: textOf(origin?.raw), why}));
    return {rows: parsed.rows, problems: [...parsed.problems, ...problems]};
  },
  key: (row) => `${row.family} ${row.table} ${row.dst} ${row.metric} ${row.tos ?? ''}`,
  show,
};

const textOf = (raw: unknown): string => (typeof raw === 'string' ? raw : (JSON.stringify(raw) ?? ''));

const viaOf = (gateway: Ip, family: Family): string =>
  family === 4 && gateway.includes(':') ? ` via inet6 ${gateway}` : ` via ${gateway}`;

/** The route without what `-d` adds (`unicast`, `proto boot`, `scope global`): iproute2 prints it so, and `ip route replace` takes it. */
function show(row: Route): string {
  let text = row.type === 'unicast' ? shownPrefix(row.dst) : `${row.type} ${shownPrefix(row.dst)}`;
  if (row.from !== undefined) text += ` from ${shownPrefix(row.from)}`;
  if (row.tos !== undefined) text += ` tos ${row.tos}`;
  // With hops beside it a nhid repeats them, and the kernel refuses both at once.
  if (row.nhid !== undefined && row.gateway === undefined && row.nexthops === undefined) text += ` nhid ${row.nhid}`;
  if (row.gateway !== undefined) text += viaOf(row.gateway, row.family);
  if (row.dev !== undefined) text += ` dev ${row.dev}`;
  if (row.table !== 'main') text += ` table ${row.table}`;
  if (row.protocol !== undefined && row.protocol !== 'boot') text += ` proto ${row.protocol}`;
  if (row.scope !== undefined && row.scope !== 'global') text += ` scope ${row.scope}`;
  if (row.prefsrc !== undefined) text += ` src ${row.prefsrc}`;
  if (row.metric !== 0) text += ` metric ${row.metric}`;
  // `rto_min` locks by itself, and `ip route` refuses the word.
  for (const name in row.metrics)
    text += ` ${name}${row.locked?.includes(name) && name !== 'rto_min' ? ' lock' : ''} ${row.metrics[name]}${timeMetrics.has(name) ? 'ms' : ''}`;
  if (row.flags.includes('onlink')) text += ' onlink';
  if (row.pref !== undefined && row.pref !== 'medium') text += ` pref ${row.pref}`;
  for (const hop of row.nexthops ?? []) {
    text += ' nexthop';
    if (hop.gateway !== undefined) text += viaOf(hop.gateway, row.family);
    if (hop.dev !== undefined) text += ` dev ${hop.dev}`;
    if (hop.weight !== undefined) text += ` weight ${hop.weight}`;
    if (hop.flags.includes('onlink')) text += ' onlink';
  }
  return text;
}
