import {type Family, familyOf, type Ip, type Prefix, tryIp} from '../../net/address.js';
import {tryPrefix} from '../../net/prefix.js';
import {foldKeys, parseNetConfText} from '../net-conf.js';
import type {LeaseRecord, NetConfRecord, NodeRecord, RecordGap, Records} from '../records.js';
import {given} from './annotations.js';
import {backendDataOf, keysOfType} from './backend-data.js';
import {type EtcdKey, etcdKeysOf} from './etcd-keys.js';

export interface EtcdOptions {
  /** For people: `etcd https://10.0.0.5:2379`, `etcd.json`. */
  readonly from: string;
  /** As `--etcd-prefix` of flanneld; `/coreos.com/network` when absent. */
  readonly prefix?: string;
  /** What could not be read. */
  readonly gaps?: readonly RecordGap[];
}

export const defaultKeyPrefix = '/coreos.com/network';

/**
 * flannel's records out of etcd's keys (model/flannel-backends.md §5.2), in any form that `etcdKeysOf` reads. Nothing is thrown, and every
 * doubt is a line under `problems`. The nodes have no names here: the model finds them by their addresses.
 */
export function recordsOfEtcd(kvs: unknown, options: EtcdOptions): Records {
  const {keys, problems: unread} = etcdKeysOf(kvs);
  const problems = [...unread];
  const prefix = (options.prefix ?? defaultKeyPrefix).replace(/\/+$/, '');
  let netConf: NetConfRecord | undefined;
  const leases = new Map<string, NodeRecord>();
  // Keys of v2 begin with a slash, whether they were written with one or not.
  const inside = (key: string): string | undefined =>
    [`${prefix}/`, `/${prefix}/`].flatMap((start) => (key.startsWith(start) ? key.slice(start.length) : []))[0];
  for (const entry of keys) {
    const name = inside(entry.key);
    if (name === undefined) continue;
    if (name === 'config') {
      netConf = {where: entry.key, text: entry.value, parsed: parseNetConfText(entry.value), version: entry.version ?? ''};
      continue;
    }
    const subnet = name.startsWith('subnets/') ? name.slice('subnets/'.length) : undefined;
    if (subnet === undefined || subnet === '') continue;
    const lease = leaseOfKey(entry, subnet);
    if (lease === undefined) problems.push(`${entry.key} is not named after a subnet: flanneld ignores it`);
    else if (leases.has(subnet)) problems.push(`${entry.key} is there twice`);
    else leases.set(subnet, {lease});
  }
  return {
    source: 'etcd',
    from: options.from,
    keyPrefix: prefix,
    ...(netConf && {netConf}),
    nodes: [...leases].toSorted(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)).map(([, node]) => node),
    ...(problems.length > 0 && {problems}),
    gaps: options.gaps ?? [],
  };
}

/** flanneld's own pattern: `10.5.52.0-24`, and with IPv6 `10.5.52.0-24&fc00:0:0:1::-64`; `0.0.0.0-0` stands for no IPv4. */
const subnetKey = /^(\d+\.\d+\.\d+\.\d+)-(\d+)(?:&([a-fA-F\d:]+)-(\d+))?$/;

/** The lease under one key; undefined when its name is no subnet's. */
function leaseOfKey({key, value, version, ttl}: EtcdKey, name: string): LeaseRecord | undefined {
  const match = subnetKey.exec(name);
  if (!match) return undefined;
  const problems: string[] = [];
  const [, v4 = '', length4 = '', v6, length6] = match;
  const subnet = prefixIn(`${v4}/${length4}`, problems);
  const ipv6Subnet = v6 === undefined ? undefined : prefixIn(`${v6}/${length6}`, problems);
  if (subnet === undefined || (v6 !== undefined && ipv6Subnet === undefined)) return undefined;
  const attributes = attributesIn(value, problems);
  const address = (attribute: string, family: Family): Ip | undefined => {
    const found = attributes[attribute.toLowerCase()];
    if (found === undefined || found === null || found === '') return undefined;
    const parsed = typeof found === 'string' ? tryIp(found) : undefined;
    if (parsed !== undefined && familyOf(parsed) === family) return parsed === '0.0.0.0' ? undefined : parsed;
    problems.push(`${attribute} is not an IPv${family} address: ${JSON.stringify(found)}`);
    return undefined;
  };
  const type = attributes['backendtype'];
  if (type !== undefined && typeof type !== 'string') problems.push(`BackendType is not text: ${JSON.stringify(type)}`);
  const [data, dataV6] = [
    backendDataOf(attributes['backenddata'], 'BackendData'),
    backendDataOf(attributes['backendv6data'], 'BackendV6Data'),
  ];
  const [publicIP, publicIPv6] = [address('PublicIP', 4), address('PublicIPv6', 6)];
  if (publicIP === undefined && publicIPv6 === undefined && problems.length === 0) problems.push('it names no PublicIP');
  const {needs} = keysOfType(typeof type === 'string' ? type.toLowerCase() : undefined);
  if (needs && data.data?.[needs.key] === undefined && dataV6.data?.[needs.key] === undefined && data.problems.length === 0)
    problems.push(`it names no ${needs.name}`);
  return {
    managed: true,
    raw: {[key]: value},
    ...(subnet !== '0.0.0.0/0' && {subnet}),
    ...given({
      ipv6Subnet: ipv6Subnet === '::/0' ? undefined : ipv6Subnet,
      publicIP,
      publicIPv6,
      backendType: typeof type === 'string' ? type.toLowerCase() : undefined,
      backendData: data.data,
      backendV6Data: dataV6.data,
      ttl,
      version,
    }),
    problems: [...problems, ...data.problems, ...dataV6.problems],
  };
}

function prefixIn(written: string, problems: string[]): Prefix | undefined {
  const parsed = tryPrefix(written);
  if (parsed !== undefined && familyOf(parsed) === 4 && parsed !== written) problems.push(`its key has host bits: ${written}`);
  return parsed;
}

/** The value as JSON with its keys folded, as Go reads it. */
function attributesIn(value: string, problems: string[]): {readonly [key: string]: unknown} {
  try {
    const parsed: unknown = JSON.parse(value);
    if (typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed)) return foldKeys(parsed);
  } catch {
    // Said below, with the text.
  }
  problems.push(`its value is not a JSON object: ${JSON.stringify(value)}`);
  return {};
}
