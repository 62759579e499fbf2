import type {ParseProblem} from '../kernel/table.js';
import type {Ip, Prefix} from '../net/address.js';
import {tryIp} from '../net/address.js';
import {tryPrefix} from '../net/prefix.js';

/** `/run/flannel/subnet.env`, which flanneld writes at every start and the CNI plugin reads (model/flannel-backends.md §5.5). */
export interface SubnetEnv {
  /** `FLANNEL_NETWORK`; a comma list between v0.21 and v0.24. */
  readonly networks: readonly Prefix[];
  readonly ipv6Networks: readonly Prefix[];
  /** The node's own prefix, host bits cleared: `10.244.1.0/24` of `FLANNEL_SUBNET=10.244.1.1/24`. */
  readonly subnet?: Prefix;
  readonly ipv6Subnet?: Prefix;
  /** The address cni0 gets: the `10.244.1.1` of it. */
  readonly gateway?: Ip;
  readonly ipv6Gateway?: Ip;
  /** Bytes. */
  readonly mtu?: number;
  readonly ipmasq?: boolean;
  /** Lines as found, by key, for quoting. */
  readonly lines: {readonly [key: string]: string};
}

/** Reads KEY=value lines, quotes and `export` allowed; unknown keys are kept in `lines` and are no problem. */
export function parseSubnetEnv(text: string, command: string): {readonly env: SubnetEnv; readonly problems: readonly ParseProblem[]} {
  const problems: ParseProblem[] = [];
  const lines: Record<string, string> = {};
  const values: Record<string, string> = {};
  for (const [index, raw] of text.split('\n').entries()) {
    const line = raw.trim();
    if (line === '' || line.startsWith('#')) continue;
    const match = /^(?:export\s+)?([A-Z0-9_]+)=(?:"([^"]*)"|'([^']*)'|(\S*))$/.exec(line);
    if (!match) {
      // A listing pasted with its prompt is no fault of the file.
      if (!/[#$]\s*cat\s/.test(line)) problems.push({command, line: index + 1, text: line, why: 'not KEY=value'});
      continue;
    }
    lines[match[1]!] = line;
    values[match[1]!] = match[2] ?? match[3] ?? match[4] ?? '';
  }
  const bad = (key: string, why: string) =>
    problems.push({command, line: text.split('\n').findIndex((l) => l.includes(key)) + 1, text: lines[key] ?? key, why});
  const prefixes = (key: string): Prefix[] =>
    (values[key] ?? '')
      .split(',')
      .filter((part) => part !== '')
      .flatMap((part) => {
        const parsed = tryPrefix(part);
        if (parsed === undefined) bad(key, 'not a prefix');
        return parsed === undefined ? [] : [parsed];
      });
  const own = (key: string): {subnet: Prefix; gateway: Ip} | undefined => {
    const value = values[key];
    if (value === undefined || value === '') return undefined;
    const subnet = tryPrefix(value);
    const gateway = tryIp(value.split('/')[0]!);
    if (subnet === undefined || gateway === undefined || !value.includes('/')) {
      bad(key, 'not an address with a prefix length');
      return undefined;
    }
    return {subnet, gateway};
  };
  const [v4, v6] = [own('FLANNEL_SUBNET'), own('FLANNEL_IPV6_SUBNET')];
  const mtu = values['FLANNEL_MTU'];
  if (mtu !== undefined && !/^\d{1,5}$/.test(mtu)) bad('FLANNEL_MTU', 'not a number of bytes');
  const masq = values['FLANNEL_IPMASQ'];
  return {
    env: {
      networks: prefixes('FLANNEL_NETWORK'),
      ipv6Networks: prefixes('FLANNEL_IPV6_NETWORK'),
      ...(v4 && {subnet: v4.subnet, gateway: v4.gateway}),
      ...(v6 && {ipv6Subnet: v6.subnet, ipv6Gateway: v6.gateway}),
      ...(mtu !== undefined && /^\d{1,5}$/.test(mtu) && {mtu: Number(mtu)}),
      ...(masq !== undefined && {ipmasq: masq === 'true'}),
      lines,
    },
    problems,
  };
}
