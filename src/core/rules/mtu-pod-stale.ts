import {isFlannel} from '../flannel/cni-order.js';
import {linkMtu} from '../kernel/commands.js';
import {link as table} from '../kernel/link.js';
import {bridgePorts, podPorts} from '../model/pod-port.js';
import type {NodeView} from '../model/view.js';
import {bridgeOf} from './bridge-state.js';
import {step} from './remedy.js';
import {type NodeRule, type Observation, rows} from './rule.js';
import {token} from './token.js';
import {envLines} from './witness.js';

export const mtuPodStale: NodeRule = {
  id: 'mtu-pod-stale',
  scope: 'node',
  stage: 'mtu',
  severity: 'error',
  holds: "Pods and the bridge have the MTU that subnet.env gives, and both ends of a pod's interface the same.",
  cause: 'The MTU changed after the pods were made (they keep the one they were born with), or somebody set it on one end.',
  effect: 'Large packets of these pods are lost where path MTU discovery is blocked, and always between pods of one node.',
  remedy: 'Make the pods anew; a bridge or an end of a veth that somebody changed can be set back.',
  fix: 'ask',
  flannels: true,
  needs: ['link', 'subnetEnv'],
  *check(view) {
    const {state, name, cluster} = view;
    const env = state.subnetEnv;
    if (env === undefined || env === 'none' || env.mtu === undefined) return;
    const devices = cluster.mode && cluster.settings ? cluster.mode.devices(cluster.settings).map((d) => d.name) : [];
    const carrier = (state.tables.link ?? []).find((l) =>
      devices.length > 0 ? l.ifname === devices[0] : l.ifname === view.member.uplink?.name,
    );
    // An MTU in the plugin's own configuration wins over flannel's.
    const stated = (state.cni === undefined || state.cni === 'none' ? [] : state.cni)
      .find(isFlannel)
      ?.conf?.plugins.find((p) => p.type === 'flannel')?.options['mtu'];
    // A file or a device that alone was changed has a rule of its own: pods are stale when they fit neither.
    const fits = (mtu: number) => mtu === env.mtu || mtu === carrier?.mtu || mtu === stated;
    for (const found of [...unequal(view, env.mtu), ...bridge(view, fits), ...stale(view, fits, env.mtu)]) {
      yield {...found, dependsOn: [token.lease(name), token.bridge(name)]};
    }
  },
};

/** A veth drops without a word what its other end would not take. */
function* unequal(view: NodeView, right: number): Generator<Observation> {
  for (const {pod, eth, host} of podPorts(view)) {
    if (!host || host.mtu === eth.mtu) continue;
    yield {
      effect: `packets larger than ${Math.min(host.mtu, eth.mtu)} bytes ${host.mtu < eth.mtu ? 'from' : 'to'} ${pod.name} are dropped without an answer`,
      subject: `${host.ifname} (${pod.name})`,
      message: `${host.ifname} on ${view.name} has an MTU of ${host.mtu}, its other end in ${pod.name} ${eth.mtu} (subnet.env: ${right})`,
      evidence: [rows(view.name, table.show, [host]), rows(view.name, table.show, [eth])],
      // The node's end can follow; the pod's is the pod's own.
      steps: [step(view.name, linkMtu(host.ifname, eth.mtu))],
    };
  }
}

/** A bridge takes the MTU of its smallest port unless somebody set it. */
function* bridge(view: NodeView, fits: (mtu: number) => boolean): Generator<Observation> {
  const device = bridgeOf(view);
  const ports = (view.state.tables.link ?? []).filter((l) => l.master === view.bridge).map((l) => l.mtu);
  if (!device || ports.length === 0) return;
  const smallest = Math.min(...ports);
  // Smaller than its ports and right itself: then it is the ports that are stale.
  if (device.mtu === smallest || (device.mtu < smallest && fits(device.mtu) && !fits(smallest))) return;
  const cuts = device.mtu < smallest;
  yield {
    ...(!cuts && {severity: 'warning' as const}),
    effect: cuts
      ? `large packets for pods of ${view.name} are lost; small ones pass`
      : `large packets from ${view.name} itself to its pods are dropped`,
    subject: device.ifname,
    message: `${device.ifname} on ${view.name} has an MTU of ${device.mtu}, its smallest port ${smallest}`,
    evidence: [rows(view.name, table.show, [device])],
    steps: [step(view.name, linkMtu(device.ifname, smallest))],
  };
}

function* stale(view: NodeView, fits: (mtu: number) => boolean, right: number): Generator<Observation> {
  const pods = new Map(podPorts(view).flatMap((p) => (p.host ? [[p.host.ifname, p] as const] : [])));
  for (const port of bridgePorts(view)) {
    const pod = pods.get(port.ifname);
    if (fits(port.mtu) || (pod && pod.eth.mtu !== port.mtu)) continue;
    const who = pod ? `${port.ifname} (${pod.pod.name})` : port.ifname;
    const {name} = view;
    yield {
      effect:
        port.mtu > right
          ? `large packets from ${pod ? pod.pod.name : 'its pod'} to other nodes depend on path MTU discovery, and those to pods of ${name} are dropped`
          : `the bridge follows its smallest port: large packets for any pod of ${name} depend on path MTU discovery`,
      subject: who,
      message: `${who} on ${view.name} has an MTU of ${port.mtu}, new pods get ${right}`,
      evidence: [rows(view.name, table.show, [port]), envLines(view.name, view.state.subnetEnv, 'FLANNEL_MTU')],
    };
  }
}
