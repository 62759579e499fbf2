import {type Family, familyOf, type Ip, type Prefix, tryIp} from '../../net/address.js';
import {tryPrefix} from '../../net/prefix.js';
import type {LeaseRecord} from '../records.js';
import {backendDataText, type ReadBackendData} from './backend-data.js';
import {at, list, object, text} from './json.js';

export const defaultPrefix = 'flannel.alpha.coreos.com/';

/** What flanneld makes of `--kube-annotation-prefix`: without a slash one follows, after a name a dash (model/flannel-backends.md §5.3). */
export function prefixOf(flag: string): string {
  if (!flag.includes('/')) return `${flag}/`;
  return flag.endsWith('/') || flag.endsWith('-') ? flag : `${flag}-`;
}

const marker = 'kube-subnet-manager';

/** The prefixes under which a node carries flannel's mark, whatever they are called. */
export const prefixesOn = (node: unknown): readonly string[] =>
  Object.keys(object(at(node, 'metadata', 'annotations')))
    .filter((key) => key.endsWith(marker) && key.includes('/'))
    .map((key) => key.slice(0, -marker.length));

/** The lease a Node object publishes under this prefix, with its podCIDRs. */
export function leaseOfNode(node: unknown, prefix: string): {lease: LeaseRecord; podCIDRs: readonly string[]} {
  const problems: string[] = [];
  const raw: Record<string, string> = {};
  for (const [key, value] of Object.entries(object(at(node, 'metadata', 'annotations')))) {
    if (!key.startsWith(prefix)) continue;
    if (typeof value === 'string') raw[key] = value;
    else problems.push(`${key} is not text: ${JSON.stringify(value)}`);
  }
  const stated = (name: string): string | undefined => (Object.hasOwn(raw, prefix + name) ? raw[prefix + name] : undefined);
  const address = (name: string, family: Family): Ip | undefined => {
    const value = stated(name);
    if (value === undefined || value === '') return undefined;
    const parsed = tryIp(value);
    if (parsed !== undefined && familyOf(parsed) === family) return parsed;
    problems.push(`${prefix}${name} is not an IPv${family} address: ${JSON.stringify(value)}`);
    return undefined;
  };
  const data = (name: string): ReadBackendData['data'] => {
    const value = stated(name);
    if (value === undefined) return undefined;
    const read = backendDataText(value, prefix + name);
    problems.push(...read.problems);
    return read.data;
  };
  const cidrs = podCIDRsOf(node, problems);
  const backendType = stated('backend-type')?.toLowerCase();
  const [backendData, backendV6Data] = [data('backend-data'), data('backend-v6-data')];
  const optional = {
    subnet: cidrs.subnet,
    ipv6Subnet: cidrs.ipv6Subnet,
    publicIP: address('public-ip', 4),
    publicIPv6: address('public-ipv6', 6),
    publicIPOverwrite: address('public-ip-overwrite', 4),
    publicIPv6Overwrite: address('public-ipv6-overwrite', 6),
    nodePublicIP: address('node-public-ip', 4),
    nodePublicIPv6: address('node-public-ipv6', 6),
    version: text(node, 'metadata', 'resourceVersion'),
  };
  const strays = prefixesOn(node).filter((other) => other !== prefix);
  if (strays.length > 0 && stated(marker) === undefined)
    problems.push(`flannel's annotations stand under ${strays.join(', ')}, those of the other nodes under ${prefix}`);
  return {
    podCIDRs: cidrs.texts,
    lease: {
      managed: stated(marker) === 'true',
      raw,
      ...given(optional),
      ...(backendType !== undefined && {backendType}),
      ...(backendData && {backendData}),
      ...(backendV6Data && {backendV6Data}),
      problems,
    },
  };
}

/** `spec.podCIDRs`, else `spec.podCIDR`, as flannel since v0.20.2 reads them: the first of each family. */
function podCIDRsOf(node: unknown, problems: string[]): {texts: readonly string[]; subnet?: Prefix; ipv6Subnet?: Prefix} {
  const one = at(node, 'spec', 'podCIDR');
  const several = list(at(node, 'spec', 'podCIDRs'));
  const stated = several.length > 0 ? several : one === undefined || one === null || one === '' ? [] : [one];
  const texts = stated.filter((item) => typeof item === 'string');
  if (texts.length < stated.length) problems.push('spec.podCIDRs holds what is not text');
  if (several.length > 0 && typeof one === 'string' && one !== several[0])
    problems.push(`spec.podCIDR is ${JSON.stringify(one)}, spec.podCIDRs begins with ${JSON.stringify(several[0])}`);
  const found: {subnet?: Prefix; ipv6Subnet?: Prefix} = {};
  for (const item of texts) {
    const parsed = item.includes('/') ? tryPrefix(item) : undefined;
    if (parsed === undefined) problems.push(`spec.podCIDRs holds ${JSON.stringify(item)}, which is not a prefix`);
    else if (found[keyOf(parsed)] === undefined) found[keyOf(parsed)] = parsed;
    else problems.push(`spec.podCIDRs holds a second prefix of the same family: ${parsed}`);
  }
  return {texts, ...found};
}

const keyOf = (prefix: Prefix): 'subnet' | 'ipv6Subnet' => (familyOf(prefix) === 4 ? 'subnet' : 'ipv6Subnet');

/** An object without those of its keys that are undefined. */
export function given<T extends object>(values: T): {[K in keyof T]?: Exclude<T[K], undefined>} {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]?: Exclude<T[K], undefined>;
  };
}
