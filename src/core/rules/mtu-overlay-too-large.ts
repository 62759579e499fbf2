import {linkMtu} from '../kernel/commands.js';
import {type Link, link as table} from '../kernel/link.js';
import type {Cluster} from '../model/cluster.js';
import {mostCommon} from '../model/most-common.js';
import {bridgePorts} from '../model/pod-port.js';
import type {NodeView} from '../model/view.js';
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
  modes: ['vxlan', 'host-gw'],
  needs: ['link'],
  *check(view) {
    const {name, state, cluster, member} = view;
    const {mode, settings} = cluster;
    const uplink = (state.tables.link ?? []).find((l) => l.ifname === member.uplink?.name);
    if (!mode || !settings || !uplink) return;
    const devices = mode.devices(settings);
    const named = (ifname: unknown) => (state.tables.link ?? []).find((l) => l.ifname === ifname);
    const carriers = devices.flatMap(({family, name: dev}): Carrier[] => {
      const link = named(dev);
      // A tunnel sends by the device it is bound to.
      return link ? [{link, overhead: mode.overhead(family), below: named(link.info?.['link']) ?? uplink}] : [];
    });
    const bridge = bridgeOf(view);
    const measured =
      devices.length > 0 ? carriers : bridge && bridgePorts(view).length > 0 ? [{link: bridge, overhead: 0, below: uplink}] : [];
    const large = measured.filter(({link, overhead, below}) => link.mtu + overhead > below.mtu);
    const [first] = large;
    if (!first) return;
    const {below} = first;
    const usual = usualOf(cluster);
    // The others' interfaces carry it: this one was lowered. Otherwise the tunnel has to give way.
    const raise = usual !== undefined && large.every(({link, overhead}) => link.mtu + overhead <= usual);
    yield {
      subject: large.map(({link}) => link.ifname).join(', '),
      message: `${large.map(({link, overhead}) => `${link.ifname} on ${name} takes packets of ${link.mtu} bytes${overhead > 0 ? `, ${link.mtu + overhead} on the wire` : ''}`).join('; ')}, but ${below.ifname} carries ${below.mtu}`,
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

interface Carrier {
  readonly link: Link;
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
