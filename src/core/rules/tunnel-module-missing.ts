import {step} from './remedy.js';
import {absent, type NodeRule} from './rule.js';
import {token} from './token.js';

export const tunnelModuleMissing: NodeRule = {
  id: 'tunnel-module-missing',
  scope: 'node',
  // Before the device: it is why the device is not there.
  stage: 'lease',
  severity: 'error',
  holds: "A node whose tunnel device is missing has the kernel's module for it (ipip, tun or wireguard).",
  cause: 'A kernel without the module: WireGuard came with Linux 5.6, and images for clouds and small boards leave some out.',
  effect: 'flanneld cannot make its device: "operation not supported". The node has no way to other nodes\' pods.',
  remedy: "Load the module; when there is none, install the kernel's extra modules (before Linux 5.6: wireguard-dkms) and reboot.",
  fix: 'ask',
  modes: ['udp', 'ipip', 'wireguard'],
  needs: ['link'],
  replay: true,
  *check({name, state, changes}) {
    const wanted = (changes.link ?? []).flatMap((c) => (c.kind === 'missing' ? [c.want.row] : []));
    for (const kind of new Set(wanted.map((row) => row.kind ?? ''))) {
      // A kernel that lists no modules has everything built in, or cannot say.
      if (state.modules === undefined || state.modules.has(kind) || (state.tables.link ?? []).some((l) => l.kind === kind)) continue;
      const missing = wanted.filter((row) => row.kind === kind).map((row) => row.ifname);
      yield {
        subject: kind,
        message: `${name} has no ${missing.join(', ')}, and its kernel has not loaded ${kind}`,
        evidence: [absent(name, state.commands['modules'] ?? 'cat /proc/modules', kind)],
        steps: [step(name, ['modprobe', kind])],
        breaks: missing.map((dev) => token.device(name, dev)),
      };
    }
  },
};
