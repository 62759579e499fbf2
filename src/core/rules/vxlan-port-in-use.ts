import {linkDelete} from '../kernel/commands.js';
import {link as table} from '../kernel/link.js';
import {idleTunnel} from './idle-tunnel.js';
import {step} from './remedy.js';
import {type NodeRule, rows} from './rule.js';
import {token} from './token.js';

export const vxlanPortInUse: NodeRule = {
  id: 'vxlan-port-in-use',
  scope: 'node',
  // Before the device: it is why the device is not up.
  stage: 'lease',
  severity: 'error',
  holds: "Nothing else on the node holds the tunnel's UDP port while the tunnel device is missing or down.",
  cause: 'Another VXLAN device with other flags (Cilium, Open vSwitch, a leftover) or a program took the port first.',
  effect: 'The kernel refuses to bring flannel\'s device up ("address already in use").',
  remedy: 'Remove the other owner, or choose another port for the whole cluster; then bring the device up and write its rows.',
  fix: 'ask',
  modes: ['vxlan'],
  needs: ['link'],
  replay: true,
  *check(view) {
    const {name, state, expected} = view;
    const {mode, settings} = view.cluster;
    if (!mode || !settings || !expected) return;
    const links = state.tables.link ?? [];
    const waiting = expected.link
      .filter(({row}) => !links.find((l) => l.ifname === row.ifname)?.flags.includes('UP'))
      .map(({row, family}) => ({dev: row.ifname, idle: idleTunnel(view, row.ifname, family)}));
    if (waiting.length === 0) return;
    const owners = links.filter(
      (l) => l.kind === 'vxlan' && !mode.ownsDevice(l.ifname) && l.info?.['port'] === settings.port && l.flags.includes('UP'),
    );
    const sockets = (state.sockets ?? []).filter(
      (s) => s.port === settings.port && s.process !== undefined && (s.local === '0.0.0.0' || s.local === '::'),
    );
    if (owners.length === 0 && sockets.length === 0) return;
    const who = [...owners.map((l) => l.ifname), ...new Set(sockets.map((s) => s.process))].join(', ');
    yield {
      subject: `UDP ${settings.port}`,
      message: `${who} on ${name} holds UDP port ${settings.port}, which ${waiting.map((w) => w.dev).join(' and ')} cannot come up without`,
      ...(waiting.every((w) => w.idle.severity !== undefined) && waiting[0]?.idle),
      evidence: [
        ...(owners.length > 0 ? [rows(name, table.show, owners)] : []),
        ...(sockets.length > 0 ? [rows(name, (s) => `${s.local}:${s.port} ${s.process}`, sockets)] : []),
      ],
      steps: owners.map((l) => step(name, linkDelete(l.ifname))),
      breaks: waiting.map(({dev}) => token.device(name, dev)),
    };
  },
};
