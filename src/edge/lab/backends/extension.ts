import {quoted} from '../../../core/change/operations/kind.js';
import type {Lab, LabNode, LabSpec} from '../topology.js';
import type {Backend} from './backend.js';

const folder = '/run/lab/extension';

/** What the kernel's VXLAN header and those around it take, bytes. */
const HEADERS = 50;

interface Commands {
  readonly PreStartupCommand?: string;
  readonly PostStartupCommand?: string;
  readonly SubnetAddCommand: string;
  readonly SubnetRemoveCommand: string;
  readonly ShutdownCommand?: string;
}

/** A plain route for each peer, without a word that needs a shell: the one line works with every release (model/flannel-backends.md §4.5). */
const routes: Commands = {
  SubnetAddCommand: 'ip route replace $SUBNET via $PUBLIC_IP',
  SubnetRemoveCommand: 'ip route del $SUBNET via $PUBLIC_IP',
};

const device = (mtu: number): string =>
  `ip link del ext0 2>/dev/null; ip link add ext0 mtu ${mtu - HEADERS} type vxlan id 7 dstport 8477 nolearning`;

/**
 * A device of its own, VXLAN whose hardware address each node publishes: the way of the example in flannel's Documentation/extension.md. It
 * needs a shell, as releases up to v0.28.1 give it one. No release runs the ShutdownCommand.
 */
const tunnel = (mtu: number): Commands => {
  const base = "SUBNET_IP=$(echo $SUBNET | cut -d'/' -f 1)";
  return {
    PreStartupCommand: `${device(mtu)}; cat /sys/class/net/ext0/address`,
    PostStartupCommand: `${base}; ip addr add $SUBNET_IP/32 dev ext0 && ip link set ext0 up`,
    SubnetAddCommand: [
      'read VTEP',
      base,
      'ip neigh replace $SUBNET_IP lladdr $VTEP dev ext0',
      'bridge fdb replace $VTEP dev ext0 dst $PUBLIC_IP',
      'ip route replace $SUBNET via $SUBNET_IP dev ext0 onlink',
    ].join('; '),
    SubnetRemoveCommand: [
      'read VTEP',
      base,
      'ip route del $SUBNET dev ext0',
      'ip neigh del $SUBNET_IP dev ext0',
      'bridge fdb del $VTEP dev ext0',
    ].join('; '),
    ShutdownCommand: 'ip link del ext0',
  };
};

const commandsOf = ({directRouting, mtu}: LabSpec): Commands => (directRouting ? routes : tunnel(mtu));

/** Shell that runs a command as flanneld does: by `sh -c`, with the variables that it sets, and its data and a line end on standard input. */
function ran(command: string, given: {readonly [name: string]: string}, data = ''): string {
  const variables = Object.entries(given).map(([name, value]) => `${name}=${quoted(value)} `);
  return `printf '%s\\n' ${quoted(data)} | ${variables.join('')}sh -c ${quoted(command)}`;
}

/** PostStartupCommand, on a node whose device is there. */
function post({spec, netConf}: Lab, node: LabNode): readonly string[] {
  const {PostStartupCommand: command} = commandsOf(spec);
  return command === undefined ? [] : [ran(command, {NETWORK: String(netConf['Network']), SUBNET: node.subnet, PUBLIC_IP: node.ip})];
}

/** Whoever wrote the commands makes what the nodes have; the lab runs them as flanneld does, with what it gives them. */
export const extension: Backend = {
  type: 'extension',
  netConf: (spec) => ({...commandsOf(spec)}),
  refuses({dualStack, directRouting, underlay}) {
    if (dualStack)
      return {
        message: "flannel tells extension's commands of a peer's IPv4 subnet alone",
        hint: 'leave --dual-stack out, or use vxlan, host-gw or wireguard',
      };
    return directRouting && underlay === 'routed'
      ? {
          message: 'plain routes cannot work across a router: each node must reach every other node on its own link',
          hint: 'leave --direct-routing out, for commands that make a tunnel',
        }
      : undefined;
  },
  // flannel knows nothing of the headers, and writes the uplink's MTU: who makes a tunnel tells the CNI plugin.
  podMtu: ({directRouting, mtu}) => (directRouting ? mtu : mtu - HEADERS),
  commands: {
    start(lab, node) {
      const {PreStartupCommand: command} = commandsOf(lab.spec);
      return [
        'set -e',
        `mkdir -p ${folder}`,
        // flanneld publishes both outputs, without blanks at their ends.
        command === undefined
          ? `: >${folder}/published`
          : `${ran(command, {})} >${folder}/published 2>&1 || { cat ${folder}/published >&2; exit 1; }`,
        ...post(lab, node),
        `cat ${folder}/published`,
      ].join('\n');
    },
    told(lab, node, published) {
      const {SubnetAddCommand: command} = commandsOf(lab.spec);
      const peers = lab.nodes.filter((peer) => peer !== node);
      const told = peers.map((peer) => ran(command, {SUBNET: peer.subnet, PUBLIC_IP: peer.ip}, published.get(peer.name)?.trim() ?? ''));
      // What flanneld would hear again when it starts anew.
      return ['set -e', `cat >${folder}/peers <<'EOF'`, ...told, 'EOF', ...told].join('\n');
    },
    again: (lab, node) =>
      [
        ...(lab.spec.directRouting
          ? []
          : [
              // With the address that it had: this stands for nobody telling the peers of another.
              device(lab.spec.mtu),
              `ip link set ext0 address $(cat ${folder}/published)`,
            ]),
        'set -e',
        ...post(lab, node),
        `. ${folder}/peers`,
      ].join('\n'),
  },
};
