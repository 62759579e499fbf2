import {chosen} from '../flannel/cni-order.js';
import {bridgeOf} from './bridge-state.js';
import {absent, type NodeRule} from './rule.js';
import {token} from './token.js';

export const cniConfigMissing: NodeRule = {
  id: 'cni-config-missing',
  scope: 'node',
  stage: 'device',
  // Pods that run need it no more.
  severity: 'warning',
  holds: 'The node has a CNI configuration.',
  cause: "flannel's init container did not finish, somebody removed the file, or the runtime reads another folder.",
  effect: 'The node is NotReady ("cni config uninitialized") or starts no pod; pods that run keep working.',
  remedy: 'Restart the flannel pod, whose init container writes the file; check that the runtime reads that folder.',
  fix: 'no',
  flannels: true,
  needs: ['cni'],
  *check(view) {
    const {name, state} = view;
    const files = state.cni === undefined || state.cni === 'none' ? [] : state.cni;
    if (chosen(files)) return;
    // flannel also serves plain Docker, which has no CNI: only what shows that CNI was used here counts.
    if (files.length === 0 && !bridgeOf(view) && (state.cniBin === undefined || state.cniBin === 'none')) return;
    yield {
      // Without programs either, the runtime may have both in folders of its own (microk8s).
      ...(files.length === 0 && (state.cniBin === undefined || state.cniBin === 'none') && {severity: 'info' as const}),
      subject: '/etc/cni/net.d',
      message:
        files.length === 0
          ? `${name} has no CNI configuration`
          : `${name} has no CNI configuration that can be read: ${files.map((f) => f.name).join(', ')}`,
      evidence:
        files.length === 0
          ? [absent(name, 'ls /etc/cni/net.d', '*.conf, *.conflist, *.json')]
          : files.map((f) => ({node: name, command: f.command, lines: f.text.split('\n').slice(0, 3)})),
      breaks: [token.cni(name)],
    };
  },
};
