import {chosen, isFlannel, pathOf} from '../flannel/cni-order.js';
import {step} from './remedy.js';
import type {NodeRule} from './rule.js';
import {token} from './token.js';

/** Plugins that call the next configuration themselves. */
const delegating = new Set(['multus', 'genie', 'cni-genie', 'danm']);

export const cniConfigShadowed: NodeRule = {
  id: 'cni-config-shadowed',
  scope: 'node',
  stage: 'device',
  // Pods that run keep the network they were born with.
  severity: 'warning',
  holds: "Where flannel's CNI configuration is, it is the one that new pods are made with.",
  cause: "Another file sorts before it: containerd's sample, CRI-O's bridge, or what an earlier network left.",
  effect: "New pods get addresses outside the node's pod subnet, often the same ones on several nodes.",
  remedy: 'Move the other file away, restart the container runtime, and make the pods anew that were made with it.',
  fix: 'ask',
  flannels: true,
  needs: ['cni'],
  *check({name, state}) {
    const files = state.cni === undefined || state.cni === 'none' ? [] : state.cni;
    const flannel = files.find(isFlannel);
    const first = chosen(files);
    if (!flannel || !first || first === flannel || first.conf?.plugins.some((p) => delegating.has(p.type))) return;
    const before = files.filter((f) => f.name < flannel.name && f.conf && f.conf.plugins.length > 0);
    yield {
      subject: first.name,
      message: `new pods of ${name} are made with ${first.name} (${first.conf?.plugins.map((p) => p.type).join(', ')}), not with ${flannel.name}`,
      evidence: before.map((f) => ({
        node: name,
        command: f.command,
        lines: [`"name": ${JSON.stringify(f.conf?.name ?? '')}, "type": ${f.conf?.plugins.map((p) => JSON.stringify(p.type)).join(', ')}`],
      })),
      steps: before.map((f) => step(name, ['mv', pathOf(f), `${pathOf(f)}.disabled`])),
      breaks: [token.cni(name)],
    };
  },
};
