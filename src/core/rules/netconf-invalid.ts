import {anyNode} from './published.js';
import type {ClusterRule, Severity} from './rule.js';

export const netconfInvalid: ClusterRule = {
  id: 'netconf-invalid',
  scope: 'cluster',
  stage: 'lease',
  // flanneld that runs has read its configuration already: packets pass until a restart.
  severity: 'warning',
  holds: 'net-conf.json is what flanneld can read, and says which backend.',
  cause: 'Bad JSON, a missing or misspelt key, or no Backend at all.',
  effect: 'flanneld does not start again, or starts with the slow udp backend; unknown keys are ignored without a word.',
  remedy: 'Correct the ConfigMap kube-flannel-cfg (key net-conf.json) and restart flannel everywhere.',
  restarts: 'everywhere',
  fix: 'no',
  flannels: true,
  *check({members, records}) {
    // One ConfigMap is on every node: the same trouble is told once.
    const groups = new Map<
      string,
      {readonly severity: Severity; readonly problem: string; readonly command: string; readonly nodes: string[]}
    >();
    const kept = records?.netConf;
    const first = anyNode({members});
    const texts = [
      ...(kept && first !== undefined ? [{name: first, conf: {...kept.parsed, command: kept.where}}] : []),
      ...members.map(({name, survey}) => ({name, conf: survey.state.netConf})),
    ];
    for (const {name, conf} of texts) {
      if (conf === undefined || conf === 'none') continue;
      const found: readonly (readonly [Severity, string])[] = conf.ok
        ? conf.warnings.map((w) => [w.startsWith('unknown key') ? 'info' : 'warning', w] as const)
        : conf.problems.map((p) => ['warning', p] as const);
      for (const [severity, problem] of found) {
        const held = groups.get(problem);
        if (held) held.nodes.push(...(held.nodes.includes(name) ? [] : [name]));
        else groups.set(problem, {severity, problem, command: conf.command, nodes: [name]});
      }
    }
    for (const {severity, problem, command, nodes} of groups.values()) {
      const [node = '', ...others] = nodes;
      yield {
        node,
        severity,
        subject: 'net-conf.json',
        message: `net-conf.json of ${others.length === 0 ? node : `${nodes.length} nodes`}: ${problem}`,
        ...(severity === 'info' && {effect: 'none: flanneld ignores the key'}),
        evidence: [{node, command, lines: [problem]}],
        peers: others,
      };
    }
  },
};
