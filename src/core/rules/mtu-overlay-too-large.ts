import {linkMtu} from '../kernel/commands.js';
import {type Link, link as table} from '../kernel/link.js';
import type {Cluster} from '../model/cluster.js';
import {mostCommon} from '../model/most-common.js';
import {bridgePorts} from '../model/pod-port.js';
import type {NodeView} from '../model/view.js';
import type {Family} from '../net/address.js';
import {bridgeOf} from './bridge-state.js';
import {step} from './remedy.js';
import {type NodeRule, rows, type Step} from './rule.js';
import {token} from './token.js';

export const mtuOverlayTooLarge: NodeRule = {
  id: 'mtu-overlay-too-large',
  scope: 'node',
  stage: 'mtu',
  severity: 'error',
  holds: "What pods may send, with the tunnel's header, fits through the interface between the nodes.",
  cause: "The interface's MTU was lowered (VPN, cloud, inter-site link) after flannel had made its device, or Backend.MTU is too large.",
  effect: 'Ping and small requests work; TLS handshakes, image pulls and kubectl logs stall.',
  remedy:
    'Give the interface the MTU of the other nodes again; or set Backend.MTU to what the underlay carries, restart flannel and make the pods anew.',
  restarts: 'node',
  fix: 'ask',
  modes: ['vxlan', 'host-gw', 'udp', 'ipip', 'wireguard', 'ipsec', 'extension'],
  needs: ['link'],
  *check(view) {
    const {name, state, cluster, member} = view;
    const {mode, settings} = cluster;
    const uplink = (state.tables.link ?? []).find((l) => l.ifname === member.uplink?.name);
    if (!mode || !settings || !uplink) return;
    const devices = mode.devices(settings);
    const named = (ifname: unknown) => (state.tables.link ?? []).find((l) => l.ifname === ifname);
    const podMtu = state.subnetEnv === undefined || state.subnetEnv === 'none' ? undefined : state.subnetEnv.mtu;
    // One device may serve both families, of which IPv6 takes more.
    const largest = new Map(
      devices.map((d) => [
        d.name,
        Math.max(
          ...devices.filter((o) => o.name === d.name && usesFamily(view, o.family)).map((o) => mode.overhead(o.family, named(o.name))),
          0,
        ),
      ]),
    );
    const bridge = bridgeOf(view);
    // Whoever wrote commands gives pods their MTU by the CNI plugin's configuration.
    const pods = mode.elsewhere ? bridge?.mtu : undefined;
    const carriers = [...largest].flatMap(([dev, overhead]): Carrier[] => {
      const link = named(dev);
      // A tunnel sends by the device it is bound to.
      if (!link) return [];
      // flannel v0.18 gave its WireGuard device the uplink's MTU, and pods the right one: they send no more than that.
      const mtu = Math.min(link.mtu, pods ?? (link.kind === 'wireguard' ? (podMtu ?? link.mtu) : link.mtu));
      return [{link, mtu, overhead, below: named(link.info?.['link']) ?? uplink}];
    });
    const measured =
      devices.length > 0
        ? carriers
        : bridge && bridgePorts(view).length > 0
          ? [{link: bridge, mtu: bridge.mtu, overhead: mode.overhead(4), below: uplink}]
          : [];
    const large = measured.filter(({mtu, overhead, below}) => mtu + overhead > below.mtu);
    const [first] = large;
    if (!first) return;
    const {below} = first;
    const usual = usualOf(cluster);
    // The others' interfaces carry it: this one was lowered. Otherwise the tunnel has to give way.
    const raise = usual !== undefined && large.every(({mtu, overhead}) => mtu + overhead <= usual);
    yield {
      subject: large.map(({link}) => link.ifname).join(', '),
      message: `${large.map(({link, mtu, overhead}) => `${link.ifname} on ${name} takes packets of ${mtu} bytes${overhead > 0 ? `, ${mtu + overhead} on the wire` : ''}`).join('; ')}, but ${below.ifname} carries ${below.mtu}`,
      effect: `large packets from pods of ${name} to other nodes are lost; small ones pass`,
      evidence: [rows(name, table.show, [...large.map(({link}) => link), below])],
      steps: raise
        ? [step(name, linkMtu(below.ifname, usual)), ...forget(view)]
        : devices.length > 0
          ? large.map(({link, overhead}) => step(name, linkMtu(link.ifname, below.mtu - overhead)))
          : [],
      dependsOn: large.map(({link}) => token.device(name, link.ifname)),
      breaks: [token.mtu(name)],
    };
  },
};

/** Does the node have pods of the family? */
const usesFamily = ({self}: NodeView, family: Family): boolean => (family === 4 ? self?.subnet : self?.ipv6Subnet) !== undefined;

interface Carrier {
  readonly link: Link;
  /** The most that comes to it. */
  readonly mtu: number;
  readonly overhead: number;
  readonly below: Link;
}

/** What the node learnt of smaller path MTUs in the meantime would stay for ten minutes. */
const forget = ({name, self}: NodeView): readonly Step[] => [
  step(name, ['ip', 'route', 'flush', 'cache']),
  ...(self?.ipv6Subnet === undefined ? [] : [step(name, ['ip', '-6', 'route', 'flush', 'cache'])]),
];

const usuals = new WeakMap<Cluster, {readonly value: number | undefined}>();

/** The MTU that most nodes' interfaces have; counted once for a cluster. */
function usualOf(cluster: Cluster): number | undefined {
  let known = usuals.get(cluster);
  if (!known) {
    const found = cluster.members.flatMap((m) => (m.uplink ? [m.uplink.mtu] : []));
    known = {value: mostCommon(found, String)};
    usuals.set(cluster, known);
  }
  return known.value;
}
