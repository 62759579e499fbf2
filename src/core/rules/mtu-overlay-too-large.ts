import {linkMtu} from '../kernel/commands.js';
import {type Link, link as table} from '../kernel/link.js';
import {type Cluster, mostCommon} from '../model/cluster.js';
import {bridgeOf} from './bridge-state.js';
import {step} from './remedy.js';
import {type NodeRule, rows} from './rule.js';
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
  fix: 'ask',
  modes: ['vxlan', 'host-gw'],
  needs: ['link'],
  *check(view) {
    const {name, state, cluster, member} = view;
    const {mode, settings} = cluster;
    const uplink = (state.tables.link ?? []).find((l) => l.ifname === member.uplink?.name);
    if (!mode || !settings || !uplink) return;
    const devices = mode.devices(settings);
    const carriers = devices.flatMap(({family, name: dev}): {link: Link; overhead: number}[] => {
      const link = (state.tables.link ?? []).find((l) => l.ifname === dev);
      return link ? [{link, overhead: mode.overhead(family)}] : [];
    });
    const bridge = bridgeOf(view);
    const measured = devices.length > 0 ? carriers : bridge ? [{link: bridge, overhead: 0}] : [];
    const large = measured.filter(({link, overhead}) => link.mtu + overhead > uplink.mtu);
    if (large.length === 0) return;
    const usual = usualOf(cluster);
    // The others' interfaces carry it: this one was lowered. Otherwise the tunnel has to give way.
    const raise = usual !== undefined && large.every(({link, overhead}) => link.mtu + overhead <= usual);
    yield {
      subject: large.map(({link}) => link.ifname).join(', '),
      message: `${large.map(({link, overhead}) => `${link.ifname} on ${name} takes packets of ${link.mtu} bytes${overhead > 0 ? `, ${link.mtu + overhead} on the wire` : ''}`).join('; ')}, but ${uplink.ifname} carries ${uplink.mtu}`,
      effect: `large packets from pods of ${name} to other nodes are lost; small ones pass`,
      evidence: [rows(name, table.show, [...large.map(({link}) => link), uplink])],
      steps: raise
        ? [step(name, linkMtu(uplink.ifname, usual))]
        : devices.length > 0
          ? large.map(({link, overhead}) => step(name, linkMtu(link.ifname, uplink.mtu - overhead)))
          : [],
      dependsOn: large.map(({link}) => token.device(name, link.ifname)),
      breaks: [token.mtu(name)],
    };
  },
};

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
