import {linkMtu} from '../kernel/commands.js';
import {link as table} from '../kernel/link.js';
import type {Cluster, Member} from '../model/cluster.js';
import {mostCommon} from '../model/most-common.js';
import {idleIn} from './idle-tunnel.js';
import {step} from './remedy.js';
import {type ClusterRule, type Observation, rows} from './rule.js';
import {token} from './token.js';
import {envLines} from './witness.js';

export const mtuNodeMismatch: ClusterRule = {
  id: 'mtu-node-mismatch',
  scope: 'cluster',
  stage: 'mtu',
  severity: 'warning',
  holds: "All nodes' tunnels, or in routed modes their pods, have the same MTU.",
  cause: 'Jumbo frames on some nodes only, another tunnel below one of them, or a device changed by hand.',
  effect: 'Large packets towards the node with the smaller MTU are lost where path MTU discovery is blocked.',
  remedy: "Pin Backend.MTU to what every node's underlay carries, restart flannel everywhere and make the pods anew.",
  restarts: 'everywhere',
  fix: 'ask',
  modes: ['vxlan', 'host-gw', 'udp', 'ipip', 'wireguard', 'ipsec'],
  *check(cluster) {
    const {mode, settings} = cluster;
    if (!mode || !settings) return;
    const devices = mode.devices(settings);
    if (devices.length === 0) yield* routed(cluster);
    for (const {family, name: dev} of devices.filter((d, i) => devices.findIndex((o) => o.name === d.name) === i)) {
      const found = cluster.members.flatMap((member) => {
        const link = member.survey.links.find((l) => l.ifname === dev);
        return link ? [{member, link}] : [];
      });
      const usual = mostCommon(
        found.map(({link}) => link.mtu),
        String,
      );
      for (const {member, link} of found) {
        // What does not even fit the node's own interface is mtu-overlay-too-large's.
        if (usual === undefined || link.mtu === usual || !member.uplink || link.mtu + mode.overhead(family) > member.uplink.mtu) continue;
        const fits = usual + mode.overhead(family) <= member.uplink.mtu;
        const pods = podMtuOf(member);
        const cuts = link.mtu < usual && pods !== undefined && pods > link.mtu;
        yield {
          node: member.name,
          ...(cuts && {
            severity: 'error' as const,
            effect: `pods of ${member.name} send up to ${pods} bytes: large ones to other nodes are lost, small ones pass`,
          }),
          ...idleIn(cluster, member.name, family),
          subject: dev,
          message: `${dev} on ${member.name} has an MTU of ${link.mtu}, on the other nodes it is ${usual}`,
          evidence: [rows(member.name, table.show, [link]), envLines(member.name, member.survey.state.subnetEnv, 'FLANNEL_MTU')],
          steps: fits ? [step(member.name, linkMtu(dev, usual))] : [],
          dependsOn: [token.lease(member.name), token.device(member.name, dev)],
          breaks: [token.mtu(member.name)],
        };
      }
    }
  },
};

function podMtuOf({survey}: Member): number | undefined {
  const env = survey.state.subnetEnv;
  return env === undefined || env === 'none' ? undefined : env.mtu;
}

function* routed({members}: Cluster): Generator<Observation & {readonly node: string}> {
  const found = members.flatMap((member) => {
    const mtu = podMtuOf(member);
    return mtu === undefined ? [] : [{member, mtu}];
  });
  const usual = mostCommon(
    found.map((f) => f.mtu),
    String,
  );
  for (const {member, mtu} of found) {
    if (usual === undefined || mtu === usual || (member.uplink && mtu > member.uplink.mtu)) continue;
    yield {
      node: member.name,
      subject: `MTU ${mtu}`,
      message: `${member.name} gives its pods an MTU of ${mtu}, the other nodes ${usual}`,
      evidence: [envLines(member.name, member.survey.state.subnetEnv, 'FLANNEL_MTU')],
      dependsOn: [token.lease(member.name), token.subnetEnv(member.name)],
    };
  }
}
