import {relayNeeds, startRelay} from '../relay/parts.js';
import type {LabNode} from '../topology.js';
import type {Backend} from './backend.js';
import {relay} from './udp-relay.js';

const folder = '/run/lab/udp';

/** Who has which subnet: what flanneld knows in its memory alone. */
const peersOf = (nodes: readonly LabNode[], self: LabNode): string =>
  nodes
    .filter((node) => node !== self)
    .map((node) => `${node.subnet} ${node.ip}\n`)
    .join('');

/** flanneld's own part, moving packets between its TUN device and a UDP socket, is a small program that runs as long as the node. */
export const udp: Backend = {
  type: 'udp',
  netConf: () => ({}),
  files: ({nodes}, node) => ({
    [`${folder}/relay.py`]: {text: relay, mode: 0o644},
    [`${folder}/peers`]: {text: peersOf(nodes, node), mode: 0o644},
  }),
  needs: relayNeeds,
  // The device goes with whoever holds it open.
  clear: `[ ! -s ${folder}/ready ] || kill $(cat ${folder}/ready) 2>/dev/null; while [ -e /sys/class/net/flannel0 ]; do sleep 0.05; done`,
  before: (_lab, node) => udpRelay(node.ip),
};

/** A line of shell that starts a node's relay anew and waits for its device: for the lab, and to bring back one that was ended. */
export const udpRelay = (ip: string): string =>
  startRelay([`${folder}/relay.py`, 'flannel0', ip, '8285', `${folder}/peers`, `${folder}/ready`], {
    ready: `${folder}/ready`,
    log: `${folder}/log`,
  });
