import type {ParseContext, Parsed, ParseProblem, Sourced} from './table.js';

/** One kernel parameter. */
export interface Sysctl extends Sourced {
  /** Path below /proc/sys: `net/ipv4/conf/flannel.1/rp_filter`. */
  readonly key: string;
  readonly value: string;
}

/**
 * The path of a key in any of the forms people and tools write. `sysctl` prints dots for slashes and slashes for the dots of an
 * interface name (`net.ipv4.conf.flannel/1.rp_filter`); a key that starts with a path segment and a slash is a path already.
 */
export function sysctlPath(key: string): string {
  const path = key.replace(/^\/proc\/sys\//, '');
  const dot = path.indexOf('.');
  const slash = path.indexOf('/');
  if (dot < 0 || (slash >= 0 && slash < dot)) return path;
  return path.replace(/[./]/g, (c) => (c === '.' ? '/' : '.'));
}

/**
 * Reads `key = value` and `key=value` lines; never throws. Where an interface name with a dot was printed with a dot
 * (`net.ipv4.conf.eth0.10.rp_filter`, as old sysctl does), the two last dots of a `conf` or `neigh` key cannot be told apart, but the
 * parameter's own name holds none: what is between is the interface.
 */
export function parseSysctl(output: string, context: ParseContext): Parsed<Sysctl> {
  const rows: Sysctl[] = [];
  const problems: ParseProblem[] = [];
  const lines = output.split('\n');
  for (let i = 0; i < lines.length; i++) {
    const line = (lines[i] ?? '').trim();
    if (line === '' || /^[#$]|[#$] /.test(line)) continue;
    const [, key, value] = /^([\w./:@+-]+)\s*=\s*(.*)$/.exec(line) ?? [];
    if (key === undefined || value === undefined)
      problems.push({command: context.command, line: i + 1, text: line.slice(0, 500), why: 'not "key = value"'});
    else rows.push({key: dottedInterface(sysctlPath(key)), value, origin: {command: context.command, line: i + 1, raw: line}});
  }
  return {rows, problems};
}

/** `net/ipv4/conf/eth0/10/rp_filter` → `net/ipv4/conf/eth0.10/rp_filter`. */
function dottedInterface(path: string): string {
  const [, head, device, name] = /^(net\/ipv[46]\/(?:conf|neigh)\/)(.+)\/([^/]+)$/.exec(path) ?? [];
  return head === undefined || device === undefined || name === undefined ? path : `${head}${device.replaceAll('/', '.')}/${name}`;
}

/** The value of a parameter, asked for in any form of its key; undefined when it was not read. */
export const sysctlOf = (rows: readonly Sysctl[], key: string): string | undefined => {
  const path = dottedInterface(sysctlPath(key));
  return rows.findLast((row) => row.key === path)?.value;
};
