import {linkMtu} from '../kernel/commands.js';
import {type Link, link as table} from '../kernel/link.js';
import type {NodeView} from '../model/view.js';
import type {Want} from '../modes/mode.js';
import {idleTunnel} from './idle-tunnel.js';
import {rebuildDevice} from './rebuild.js';
import {step} from './remedy.js';
import {type NodeRule, type Observation, rows, type Step} from './rule.js';
import {token} from './token.js';

export const vxlanDevParamsDrift: NodeRule = {
  id: 'vxlan-dev-params-drift',
  scope: 'node',
  stage: 'device',
  severity: 'error',
  holds: 'The VXLAN device sends from the public address, over the interface of that address, and does not learn.',
  cause: 'Somebody changed or made the device by hand; flanneld compares these at its start only, and learning never.',
  effect: 'Tunnelled packets leave by the wrong interface or with a source their receiver does not expect.',
  remedy: 'Set the attribute back, or restart flannel on the node, which makes an incompatible device anew.',
  restarts: 'node',
  fix: 'ask',
  modes: ['vxlan'],
  needs: ['link', 'address'],
  *check(view) {
    const {name, changes, state} = view;
    yield* lower(view);
    for (const change of changes.link ?? []) {
      if (change.kind !== 'differs') continue;
      const {want} = change;
      const [device] = change.actual;
      const wrong = change.fields.filter((field) => {
        if (field === 'kind' || field === 'learning') return true;
        // With another address of the node's own the tunnel works; k3s with an external address looks like that.
        return field === 'local' && !(state.tables.address ?? []).some((a) => a.local === localOf(device));
      });
      // The identifier and the port are lease-vxlan-params-mismatch's, up is vxlan-dev-down's, the MTU has rules of its own.
      if (wrong.length === 0) continue;
      const harmless = wrong.every((field) => field === 'learning');
      yield {
        ...(harmless && {severity: 'warning' as const, effect: 'entries learnt from packets may take the place of the ones flannel wrote'}),
        subject: device.ifname,
        message: `${device.ifname} on ${name}: ${wrong.map((field) => `${field} is ${stated(device, field)}, should be ${stated(want.row, field)}`).join('; ')}`,
        ...(!harmless && {effect: `pods of ${name} cannot reach pods of other nodes`}),
        ...(!harmless && idleTunnel(view, device.ifname, want.family)),
        evidence: [rows(name, table.show, [device])],
        steps: mend(view, want, device, wrong),
        dependsOn: [token.lease(name)],
        breaks: harmless ? [] : [token.device(name, device.ifname)],
      };
    }
  },
};

/** The interface of the tunnel beside the one that has its source address: the kernel sends by the former whatever the routes say. */
function* lower(view: NodeView): Generator<Observation> {
  const {name, state, expected, bridge} = view;
  const {mode, settings} = view.cluster;
  const links = state.tables.link ?? [];
  for (const {
    row: {ifname},
    family,
  } of expected?.link ?? []) {
    const device = links.find((l) => l.ifname === ifname && l.kind === 'vxlan');
    const below = device?.info?.['link'];
    const holder = (state.tables.address ?? []).find((a) => a.family === family && a.local === (device && localOf(device)))?.dev;
    if (!device || typeof below !== 'string' || holder === undefined || below === holder) continue;
    // An address on a loopback that routes announce is meant to leave by another interface, which has one of its own or is a link without.
    if (links.find((l) => l.ifname === holder)?.kind === 'dummy' || holder === 'lo' || holder === ifname) continue;
    if (![undefined, 'bridge', 'vxlan', 'tun', 'veth'].includes(links.find((l) => l.ifname === below)?.kind)) continue;
    const mtu = links.find((l) => l.ifname === holder)?.mtu;
    const astray =
      below === bridge || !(state.tables.address ?? []).some((a) => a.dev === below && a.family === family && a.scope === 'global');
    yield {
      subject: ifname,
      message: `${ifname} on ${name} sends through ${below}, but its source address is on ${holder}`,
      // Another interface between the nodes may do; the pods' bridge, or a device without an address, cannot.
      ...(astray ? {effect: `pods of ${name} cannot reach pods of other nodes`} : {severity: 'warning' as const}),
      ...(astray && idleTunnel(view, ifname, family)),
      evidence: [rows(name, table.show, [device])],
      steps: [
        step(name, ['ip', 'link', 'set', ifname, 'type', 'vxlan', 'dev', holder]),
        // The kernel cuts the MTU to fit the lower device, and does not raise it again.
        ...(mtu === undefined || !mode || !settings
          ? []
          : [step(name, linkMtu(ifname, Math.min(mode.podMtu(settings, mtu), mtu - mode.overhead(family))))]),
      ],
      dependsOn: [token.lease(name)],
      breaks: astray ? [token.device(name, ifname)] : [],
    };
  }
}

const localOf = (link: Link): unknown => link.info?.['local'] ?? link.info?.['local6'];

const stated = (link: Link, field: string): string =>
  String(field === 'kind' ? link.kind : field === 'local' ? localOf(link) : link.info?.[field]);

/** The kernel changes the source, the lower device and learning of a live device; not its port or number. */
function mend(view: NodeView, want: Want<Link>, device: Link, wrong: readonly string[]): readonly Step[] {
  if (wrong.includes('kind')) return rebuildDevice(view, want, device.ifname);
  return wrong.map((field) => {
    const value =
      field === 'learning'
        ? [want.row.info?.['learning'] === true ? 'learning' : 'nolearning']
        : [field === 'local' ? 'local' : 'dev', stated(want.row, field)];
    return step(view.name, ['ip', 'link', 'set', device.ifname, 'type', 'vxlan', ...value]);
  });
}
