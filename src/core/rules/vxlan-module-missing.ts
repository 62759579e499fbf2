import {step} from './remedy.js';
import {absent, type NodeRule} from './rule.js';
import {token} from './token.js';

export const vxlanModuleMissing: NodeRule = {
  id: 'vxlan-module-missing',
  scope: 'node',
  // Before the device: it is why the device is not there.
  stage: 'lease',
  severity: 'error',
  holds: "A node whose VXLAN device is missing has the kernel's vxlan module.",
  cause: 'A kernel without VXLAN (Raspberry Pi images keep it in linux-modules-extra-raspi, some clouds build their own).',
  effect: 'flanneld cannot make its device: "operation not supported". The node has no way to other nodes\' pods.',
  remedy: "Load the module; when there is none, install the kernel's extra modules package and reboot.",
  fix: 'ask',
  modes: ['vxlan'],
  needs: ['link'],
  replay: true,
  *check({name, state, changes}) {
    // A kernel that lists no modules has everything built in, or cannot say.
    const missing = (changes.link ?? []).flatMap((c) => (c.kind === 'missing' ? [c.want.row.ifname] : []));
    if (
      missing.length === 0 ||
      state.modules === undefined ||
      state.modules.has('vxlan') ||
      (state.tables.link ?? []).some((l) => l.kind === 'vxlan')
    )
      return;
    yield {
      subject: 'vxlan',
      message: `${name} has no ${missing.join(', ')}, and its kernel has not loaded vxlan`,
      evidence: [absent(name, state.commands['modules'] ?? 'cat /proc/modules', 'vxlan')],
      steps: [step(name, ['modprobe', 'vxlan'])],
      breaks: missing.map((dev) => token.device(name, dev)),
    };
  },
};
