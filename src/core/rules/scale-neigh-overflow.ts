import {sysctlSet} from '../kernel/commands.js';
import type {Family} from '../net/address.js';
import type {NamespaceState} from '../node/state.js';
import {step} from './remedy.js';
import type {NodeRule} from './rule.js';
import {sysctlEvidence, sysctlNumber} from './sysctl.js';

export const scaleNeighOverflow: NodeRule = {
  id: 'scale-neigh-overflow',
  scope: 'node',
  stage: 'sysctl',
  severity: 'warning',
  holds: 'The neighbour table, which all namespaces of the node share, is not near its limit.',
  cause: "The kernel's default limit of 1024 rows, with many pods and many nodes.",
  effect: 'New neighbours are refused: random pods and nodes become unreachable ("neighbour table overflow").',
  remedy: 'Raise net.ipv4.neigh.default.gc_thresh1 to 3 (and the IPv6 ones), in /etc/sysctl.d too.',
  fix: 'safe',
  needs: ['sysctl', 'neigh'],
  *check(view) {
    const {name, state} = view;
    for (const family of [4, 6] as const) {
      const base = `net/ipv${family}/neigh/default/gc_thresh`;
      const limit = sysctlNumber(view, `${base}3`);
      if (limit === undefined || !state.families.neigh?.has(family)) continue;
      const counted = [state, ...(state.pods ?? [])].reduce((n, space) => n + count(space, family, state.host['kernel']), 0);
      if (counted < limit * 0.8) continue;
      const full = counted >= limit;
      const wanted = 2 ** Math.ceil(Math.log2(Math.max(limit, counted) * 4));
      yield {
        severity: full ? 'error' : 'warning',
        subject: `IPv${family} neighbours`,
        message: `${name} holds ${counted} IPv${family} neighbours of at most ${limit}, pods included`,
        effect: full
          ? `${name} refuses new neighbours: new pods and nodes are unreachable from it`
          : 'none yet; a few more pods or nodes, and new ones are unreachable',
        evidence: [sysctlEvidence(view, `${base}1`, `${base}2`, `${base}3`)],
        steps: [3, 2, 1].map((n) => step(name, sysctlSet(`${base}${n}`, String(wanted / 2 ** (3 - n))))),
      };
    }
  },
};

/** Since Linux 5.0 PERMANENT rows do not count against the limit (net/core/neighbour.c, gc_entries). */
function count(space: NamespaceState, family: Family, kernel = ''): number {
  const counts =
    Number(/^(\d+)\./.exec(kernel)?.[1] ?? 5) >= 5
      ? (s: readonly string[]) => !s.includes('PERMANENT') && !s.includes('NOARP')
      : () => true;
  return (space.tables.neigh ?? []).filter((n) => n.family === family && n.proxy !== true && counts(n.state)).length;
}
