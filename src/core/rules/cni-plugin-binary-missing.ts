import {chosen, isFlannel} from '../flannel/cni-order.js';
import type {NodeRule} from './rule.js';
import {token} from './token.js';

/** What the package of standard plugins brings; where none of these is, the runtime looks for plugins somewhere else. */
const standard = ['bridge', 'host-local', 'loopback', 'portmap'];

export const cniPluginBinaryMissing: NodeRule = {
  id: 'cni-plugin-binary-missing',
  scope: 'node',
  stage: 'device',
  // Pods that run need it no more.
  severity: 'warning',
  holds: 'Every program that the CNI configuration names is there.',
  cause: "The standard plugins dropped flannel in 1.0, or a package upgrade wiped the folder after flannel's init container had run.",
  effect: 'New pods fail: failed to find plugin in path.',
  remedy: "Restart the flannel pod (its init container installs flannel's plugin); install kubernetes-cni or cni-plugins for the others.",
  fix: 'no',
  flannels: true,
  needs: ['cni', 'cniBin'],
  *check({name, state}) {
    const file = state.cni === undefined || state.cni === 'none' ? undefined : chosen(state.cni);
    const bin = state.cniBin;
    if (!file || !isFlannel(file) || bin === undefined || bin === 'none') return;
    if (!standard.some((plugin) => bin.has(plugin))) return;
    const delegate = file.conf?.plugins.find((p) => p.type === 'flannel')?.options;
    const bridge = typeof delegate?.['type'] === 'string' ? delegate['type'] : 'bridge';
    const needed = new Set([
      'loopback',
      ...(file.conf?.plugins.map((p) => p.type) ?? []),
      bridge,
      ...(bridge === 'bridge' ? ['host-local'] : []),
    ]);
    const missing = [...needed].filter((plugin) => !bin.has(plugin)).sort();
    if (missing.length === 0) return;
    yield {
      subject: missing.join(', '),
      message: `${name} has no CNI plugin ${missing.join(', ')}, which ${file.name} needs`,
      evidence: [
        {node: name, command: file.command, lines: [`plugins: ${[...needed].sort().join(', ')}`]},
        {node: name, command: state.commands['cni-bin'] ?? 'ls /opt/cni/bin', lines: [[...bin].sort().join(' ')]},
      ],
      breaks: [token.cni(name)],
    };
  },
};
