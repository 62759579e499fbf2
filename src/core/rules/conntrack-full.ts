import {sysctlSet} from '../kernel/commands.js';
import {step} from './remedy.js';
import type {NodeRule} from './rule.js';
import {sysctlEvidence, sysctlNumber} from './sysctl.js';

const [count, max] = ['net/netfilter/nf_conntrack_count', 'net/netfilter/nf_conntrack_max'];

export const conntrackFull: NodeRule = {
  id: 'conntrack-full',
  scope: 'node',
  stage: 'sysctl',
  severity: 'error',
  holds: 'The connection tracking table has room.',
  cause: 'More connections than the limit: load, long timeouts, or a limit that kube-proxy was told to leave low.',
  effect: 'Packets that would open a connection are dropped, at random.',
  remedy: 'Raise nf_conntrack_max (kube-proxy: conntrack.maxPerCore), and look at who opens so many connections.',
  fix: 'ask',
  needs: ['sysctl'],
  *check(view) {
    const {name} = view;
    const [used, limit] = [sysctlNumber(view, count), sysctlNumber(view, max)];
    if (used === undefined || limit === undefined || limit === 0 || used < limit * 0.9) return;
    const full = used >= limit * 0.95;
    yield {
      severity: full ? 'error' : 'warning',
      subject: 'conntrack',
      message: `${name} tracks ${used} connections of at most ${limit}`,
      effect: full
        ? `new connections through ${name} are dropped at random`
        : 'none yet; new connections are dropped when the table is full',
      evidence: [sysctlEvidence(view, count, max)],
      steps: [step(name, sysctlSet(max, String(limit * 2)))],
    };
  },
};
