import {type Route, route as table} from '../../kernel/route.js';
import {contains, lengthOf} from '../../net/prefix.js';
import type {Line} from './kind.js';
import {rowKind} from './row.js';

/** The metric IPv6 routes get when none is asked for. */
const V6_METRIC = 1024;

const ip = (text: string): Line => ({tool: 'ip', text});

/** What the kernel fills in when a command does not say. */
export function listed(row: Route): Route {
  const direct = row.gateway === undefined && row.nexthops === undefined && row.nhid === undefined && row.type === 'unicast';
  return {
    ...row,
    protocol: row.protocol ?? 'boot',
    scope: row.scope ?? (row.family === 4 && direct ? 'link' : 'global'),
    metric: row.family === 6 && row.metric === 0 ? V6_METRIC : row.metric,
    ...(row.family === 6 && row.type === 'unicast' && {pref: row.pref ?? 'medium'}),
  };
}

/** After `ip route add|replace`. Inside a batch there is no `-6`: only the prefix tells the family of a default route. */
function words(row: Route): string {
  const text = table.show(row);
  return lengthOf(row.dst) === 0 && row.family === 6 ? text.replace('default', row.dst) : text;
}

/** After `ip route del`: with the protocol, so that of rows with metric 0, which cannot be asked for, no other one's is taken. */
const exact = (row: Route): string => {
  const whole = listed(row);
  const text = words({...whole, flags: []});
  if (whole.protocol !== 'boot') return text;
  // After the first hop of several nothing but hops is understood.
  const hops = text.indexOf(' nexthop ');
  return hops < 0 ? `${text} proto boot` : `${text.slice(0, hops)} proto boot${text.slice(hops)}`;
};

/**
 * IPv6 refuses an onlink gateway that another route reaches by another device, as the old row of the very subnet does: for the time being
 * the gateway gets a route of its own (flannel-backends.md §9.6).
 */
function helper(row: Route, before: Route | undefined): string | undefined {
  if (row.family !== 6 || row.gateway === undefined || !row.flags.includes('onlink') || before === undefined) return undefined;
  return before.dev !== row.dev && contains(before.dst, row.gateway) ? `${row.gateway}/128 dev ${row.dev}` : undefined;
}

export const route = rowKind('route', {
  name: 'route',
  is: (a, b) => a.dst === b.dst && a.metric === b.metric && a.table === b.table && a.family === b.family && a.tos === b.tos,
  equal: (a, b) => words(listed(a)) === words(listed(b)),
  show: table.show,
  dev: (row) => row.dev,
  listed,
  put(row, before) {
    const via = helper(row, before);
    const set = ip(`route replace ${words(row)}`);
    return via === undefined ? [set] : [ip(`route replace ${via}`), set, ip(`route del ${via} metric ${V6_METRIC}`)];
  },
  drop: (row) => [ip(`route del ${exact(row)}`)],
  tidy(row, before) {
    const via = helper(row, before);
    return via === undefined ? [] : [ip(`route del ${via} metric ${V6_METRIC}`)];
  },
  /** Deleting the row of metric 0 again must not be able to take this one. */
  refuses(row, rows) {
    if (row.metric !== 0) return undefined;
    const twin = rows.find(
      (other) =>
        other.dst === row.dst && other.metric !== 0 && other.table === row.table && other.gateway === row.gateway && other.dev === row.dev,
    );
    return twin && `route ${table.show(twin)} is there: it and the same with metric 0 could not be told apart when one is deleted`;
  },
});
