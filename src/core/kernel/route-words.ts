/** The words of `ip route`, as iproute2's iproute.c and the kernel's rtnetlink.h have them. */

export const routeTypes: ReadonlySet<string> = new Set([
  'unicast',
  'local',
  'broadcast',
  'anycast',
  'multicast',
  'blackhole',
  'unreachable',
  'prohibit',
  'throw',
  'nat',
  'xresolve',
]);

/** Types that need no next hop. */
export const terminalTypes: ReadonlySet<string> = new Set(['blackhole', 'unreachable', 'prohibit', 'throw']);

export const flagWords: ReadonlySet<string> = new Set([
  'onlink',
  'linkdown',
  'dead',
  'pervasive',
  'offload',
  'offload_failed',
  'trap',
  'notify',
  'unresolved',
  'rt_offload',
  'rt_trap',
  'rt_offload_failed',
]);

/** Metrics that are plain numbers; `lock` may stand between the word and the number. */
const counts = [
  'mtu',
  'window',
  'ssthresh',
  'cwnd',
  'advmss',
  'reordering',
  'hoplimit',
  'initcwnd',
  'initrwnd',
  'quickack',
  'fastopen_no_cookie',
];
/** Metrics that are times: `5ms` and `1.5s` in text, milliseconds in JSON. */
export const timeMetrics: ReadonlySet<string> = new Set(['rtt', 'rttvar', 'rto_min']);

export const metricWords: ReadonlySet<string> = new Set([...counts, ...timeMetrics]);

/** A metric as text prints it: 1400, 5 (`5ms`), 1500 (`1.5s`). */
export function metricIn(text: string): number | undefined {
  const [, number, unit] = /^(\d+(?:\.\d+)?)(ms|s)?$/.exec(text) ?? [];
  return number === undefined ? undefined : unit === 's' ? Math.round(Number(number) * 1000) : Number(number);
}
