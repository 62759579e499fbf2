import type {Prefix} from '../net/address.js';
import {tryPrefix} from '../net/prefix.js';

/**
 * `net-conf.json` as flanneld reads it: keys without regard to case, unknown keys ignored, a missing Backend means udp
 * (flannel pkg/subnet/config.go; model/flannel-backends.md §5.1).
 */
export interface NetConf {
  readonly network?: Prefix;
  readonly ipv6Network?: Prefix;
  readonly enableIPv4: boolean;
  readonly enableIPv6: boolean;
  readonly enableNFTables: boolean;
  /** Lower case, as flanneld looks it up. */
  readonly backendType: string;
  /** The Backend object with its keys folded to lower case; the mode reads its own. */
  readonly backend: {readonly [key: string]: unknown};
}

export type NetConfResult =
  | {readonly ok: true; readonly conf: NetConf; readonly warnings: readonly string[]}
  | {readonly ok: false; readonly problems: readonly string[]};

const knownKeys = new Set([
  'network',
  'ipv6network',
  'subnetlen',
  'subnetmin',
  'subnetmax',
  'ipv6subnetlen',
  'ipv6subnetmin',
  'ipv6subnetmax',
  'enableipv4',
  'enableipv6',
  'enablenftables',
  'backend',
]);

/** Go's encoding/json matches keys without regard to case; so `VNI`, `vni` and `Vni` all occur in the wild. */
export function foldKeys(value: unknown): {readonly [key: string]: unknown} {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return {};
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key.toLowerCase(), item]));
}

export function parseNetConfText(text: string): NetConfResult {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    return {ok: false, problems: [`net-conf.json is not JSON: ${error instanceof Error ? error.message : String(error)}`]};
  }
  return parseNetConf(value);
}

export function parseNetConf(value: unknown): NetConfResult {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    return {ok: false, problems: ['net-conf.json is not a JSON object']};
  const folded = foldKeys(value);
  const problems: string[] = [];
  const warnings = Object.keys(folded)
    .filter((key) => !knownKeys.has(key))
    .map((key) => `unknown key ${JSON.stringify(key)}: flanneld ignores it`);
  const bool = (key: string, fallback: boolean): boolean => {
    const item = folded[key];
    if (item === undefined || item === null) return fallback;
    if (typeof item !== 'boolean') problems.push(`${key} must be true or false`);
    return item === true;
  };
  const cidr = (key: string, name: string, required: boolean): Prefix | undefined => {
    const item = folded[key];
    const parsed = typeof item === 'string' ? tryPrefix(item) : undefined;
    if (item !== undefined && parsed === undefined) problems.push(`${name} is not a prefix: ${JSON.stringify(item)}`);
    if (item === undefined && required) problems.push(`${name} is missing`);
    return parsed;
  };
  const enableIPv4 = bool('enableipv4', true);
  const enableIPv6 = bool('enableipv6', false);
  const network = cidr('network', 'Network', enableIPv4);
  const ipv6Network = cidr('ipv6network', 'IPv6Network', enableIPv6);
  const backend = foldKeys(folded['backend']);
  const type = backend['type'];
  if (type === undefined) warnings.push('Backend.Type is absent: flanneld then takes udp, not vxlan');
  else if (typeof type !== 'string') problems.push('Backend.Type is not a string');
  if (problems.length > 0) return {ok: false, problems};
  return {
    ok: true,
    warnings,
    conf: {
      ...(network !== undefined && {network}),
      ...(ipv6Network !== undefined && {ipv6Network}),
      enableIPv4,
      enableIPv6,
      enableNFTables: bool('enablenftables', false),
      backendType: typeof type === 'string' ? type.toLowerCase() : 'udp',
      backend,
    },
  };
}
