import {chosen, isFlannel, pathOf} from '../flannel/cni-order.js';
import {step} from './remedy.js';
import type {NodeRule} from './rule.js';
import {token} from './token.js';

export const cniConfigInvalidVersion: NodeRule = {
  id: 'cni-config-invalid-version',
  scope: 'node',
  stage: 'device',
  // Pods that run need it no more.
  severity: 'warning',
  holds: "flannel's CNI configuration states its cniVersion.",
  cause: 'A manifest from before September 2019, or a file written by hand.',
  effect: 'Runtimes since Kubernetes 1.16 refuse it (\'does not support config version ""\'): the node is NotReady and starts no pod.',
  remedy: 'Add "cniVersion": "0.3.1" to cni-conf.json in the ConfigMap kube-flannel-cfg, and restart flannel.',
  restarts: 'node',
  fix: 'ask',
  needs: ['cni'],
  *check({name, state}) {
    const file = state.cni === undefined || state.cni === 'none' ? undefined : chosen(state.cni);
    if (!file || !isFlannel(file) || /^\d+\.\d+\.\d+/.test(file.conf?.cniVersion ?? '')) return;
    const stated = file.conf?.cniVersion;
    const [head = ''] = file.text.split('\n');
    yield {
      subject: file.name,
      message: `${file.name} on ${name} ${stated === undefined ? 'states no cniVersion' : `has the cniVersion ${JSON.stringify(stated)}`}`,
      evidence: [{node: name, command: file.command, lines: file.text.split('\n').slice(0, 4)}],
      steps:
        stated !== undefined
          ? [step(name, ['sed', '-i', 's/"cniVersion": *"[^"]*"/"cniVersion": "0.3.1"/', pathOf(file)])]
          : head.trimStart().startsWith('{')
            ? [step(name, ['sed', '-i', '1s/{/{"cniVersion": "0.3.1",/', pathOf(file)])]
            : [],
      breaks: [token.cni(name)],
    };
  },
};
