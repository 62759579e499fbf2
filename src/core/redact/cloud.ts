import {tryIp, tryMac} from '../net/address.js';
import {tryPrefix} from '../net/prefix.js';
import type {Redactor} from './redactor.js';

/** Fields whose values are the cloud's own words, of which there are few and everybody's: they say how a row behaves. */
const words = new Set([
  ...[
    'kind',
    'provider',
    'state',
    'origin',
    'type',
    'code',
    'priority',
    'routeType',
    'takenAt',
    'State',
    'Status',
    'Type',
    'Origin',
    'IpVersion',
  ],
  ...[
    'IpProtocol',
    'IPProtocol',
    'Protocol',
    'proto',
    'Port',
    'PortRange',
    'ports',
    'Direction',
    'direction',
    'Policy',
    'Action',
    'action',
  ],
  ...['InnerAccessPolicy', 'NicType', 'Priority'],
  ...['GatewayType', 'RouteType', 'NextHopType', 'InstanceType', 'RouteTableType', 'InterfaceType', 'SubnetRouteAlgorithm', 'CreatedTime'],
]);

/**
 * What a cloud printed, with everything replaced that is not a word of the cloud's own: ids and names of machines, tables, networks and
 * accounts, descriptions, addresses. Each by the same wherever it stands, so that rows still lead to the same nodes.
 */
export function cloudReplaced(redactor: Redactor, value: unknown, file: string, key = ''): unknown {
  if (Array.isArray(value)) return value.map((item) => cloudReplaced(redactor, item, file, key));
  if (typeof value === 'object' && value !== null) {
    return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, cloudReplaced(redactor, item, file, name)]));
  }
  if (typeof value !== 'string' || value === '' || words.has(key)) return value;
  if (key === 'from') return file;
  if (tryIp(value) !== undefined || tryPrefix(value) !== undefined || tryMac(value.replaceAll('-', ':')) !== undefined) {
    return redactor.numbers(value.includes('-') ? value.replaceAll('-', ':') : value);
  }
  if (value === 'local' || /^\d+$/.test(value)) return value;
  return pathReplaced(redactor, value);
}

/** A node's machine, as Kubernetes has it: `aws:///zone/i-…`, `<region>.i-…`, `gce://project/zone/name`. */
export const providerReplaced = (redactor: Redactor, value: string): string => {
  const [scheme, rest] = value.includes('://') ? value.split('://', 2) : ['', value];
  const replaced = pathReplaced(redactor, rest ?? '');
  return scheme === '' ? replaced : `${scheme}://${replaced}`;
};

/** The words of GCE's addresses of things stay, and what stands between them goes; so does a region before an id. */
function pathReplaced({names}: Redactor, value: string): string {
  const path = value.replace(/^https:\/\/[^/]*googleapis\.com\/compute\/\w+\//, '');
  return path
    .split('/')
    .map((part) =>
      collections.has(part) || part === ''
        ? part
        : part
            .split('.')
            .map((piece) => names.of('cloud', piece))
            .join('.'),
    )
    .join('/');
}

const collections = new Set(['projects', 'zones', 'regions', 'global', 'instances', 'networks', 'subnetworks', 'routes']);
