import type {Family} from '../net/address.js';
import {type Draft, isObject, type JsonObject, numberIn, originOf, type Place, withExtra, wordIn, wordsIn} from './reading.js';
import type {Nexthop, Route} from './route.js';
import {ipIn, prefixIn, tableIn} from './words.js';

type Row = Draft<Route>;

/** Reads one element of `ip -j route`; a string says why it is none. */
export function routeElement(element: JsonObject, at: Place): Row | string {
  const row: Row = {family: 4, table: '', type: 'unicast', dst: '', metric: 0, flags: [], origin: originOf(at)};
  const extra: Record<string, unknown> = {};
  for (const name in element) {
    const value = element[name];
    switch (name) {
      case 'dst':
        break;
      case 'type':
        row.type = wordIn(value) ?? 'unicast';
        break;
      case 'dev':
        if (typeof value === 'string') row.dev = value;
        break;
      case 'gateway':
      case 'via': {
        const gateway = ipIn(isObject(value) ? value['host'] : value);
        if (gateway === undefined) return `no address in "${name}"`;
        row.gateway = gateway;
        break;
      }
      case 'table':
        row.table = tableIn(wordIn(value) ?? '');
        break;
      case 'metric':
        row.metric = numberIn(value) ?? 0;
        break;
      case 'protocol':
      case 'scope':
      case 'pref':
        assignWord(row, name, value);
        break;
      case 'prefsrc': {
        const src = ipIn(value);
        if (src === undefined) return 'no address in "prefsrc"';
        row.prefsrc = src;
        break;
      }
      case 'from': {
        const from = prefixIn(value, String(value).includes(':') ? 6 : 4);
        if (from === undefined) return 'no prefix in "from"';
        row.from = from;
        break;
      }
      case 'flags':
        row.flags = wordsIn(value);
        break;
      case 'tos':
        // A number here is that of `encap`, which prints its own beside the route's.
        if (typeof value === 'string') row.tos = value;
        break;
      case 'nhid': {
        const nhid = numberIn(value);
        if (nhid !== undefined) row.nhid = nhid;
        break;
      }
      case 'nexthops':
        if (Array.isArray(value)) row.nexthops = value.filter(isObject).map(hopIn);
        break;
      case 'metrics':
        readMetrics(row, value, extra);
        break;
      case 'flow':
        extra['realm'] = isObject(value) ? [value['from'], value['to']].filter((part) => part !== undefined).join('/') : value;
        break;
      default:
        extra[name] = value;
    }
  }
  const dst = element['dst'];
  row.family = familyIn(dst, row, isObject(element['via']), at);
  const prefix = prefixIn(dst, row.family);
  if (prefix === undefined) return `not a route: ${JSON.stringify(dst) ?? 'nothing'} is no destination`;
  row.dst = prefix;
  return withExtra(row, extra);
}

function assignWord(row: Row, name: 'protocol' | 'scope' | 'pref', value: unknown): void {
  const word = wordIn(value);
  if (word !== undefined) row[name] = word;
}

function familyIn(dst: unknown, row: Row, crossFamily: boolean, at: Place): Family {
  if (typeof dst === 'string' && dst !== 'default') return dst.includes(':') ? 6 : 4;
  if (at.command.family !== undefined) return at.command.family;
  if (row.pref !== undefined) return 6;
  if (crossFamily) return 4;
  return (row.gateway ?? row.prefsrc ?? row.from ?? row.nexthops?.[0]?.gateway)?.includes(':') ? 6 : 4;
}

function hopIn(element: JsonObject): Nexthop {
  const via = element['via'];
  const gateway = ipIn(element['gateway'] ?? (isObject(via) ? via['host'] : via));
  const weight = numberIn(element['weight']);
  return {
    ...(gateway === undefined ? {} : {gateway}),
    ...(typeof element['dev'] === 'string' ? {dev: element['dev']} : {}),
    ...(weight === undefined ? {} : {weight}),
    flags: wordsIn(element['flags']),
  };
}

/** `[{"mtu":1400,"rtt":5}]`: numbers are metrics, the rest (`congestion`, `ecn`) is kept under the word that `ip route` takes. */
function readMetrics(row: Row, value: unknown, extra: Record<string, unknown>): void {
  const metrics: Record<string, number> = {};
  for (const part of Array.isArray(value) ? value.filter(isObject) : []) {
    for (const name in part) {
      const metric = part[name];
      if (typeof metric === 'number') metrics[name] = metric;
      else if (name === 'congestion') extra['congctl'] = metric;
      else if (metric === null) extra['features'] = name;
      else extra[name] = metric;
    }
  }
  for (const _ in metrics) {
    row.metrics = metrics;
    break;
  }
}
