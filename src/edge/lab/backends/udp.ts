import type {LabNode} from '../topology.js';
import type {Backend} from './backend.js';
import {onlyIPv4} from './only-ipv4.js';
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
  refuses: onlyIPv4('udp'),
  files: ({nodes}, node) => ({
    [`${folder}/relay.py`]: {text: relay, mode: 0o644},
    [`${folder}/peers`]: {text: peersOf(nodes, node), mode: 0o644},
  }),
  needs: {
    programs: {python3: 'python3', setsid: 'util-linux'},
    device: {what: 'TUN devices', probe: 'ip tuntap add dev tun0 mode tun', modules: ['tun']},
  },
  // The device goes with whoever holds it open.
  clear: `[ ! -s ${folder}/ready ] || kill $(cat ${folder}/ready) 2>/dev/null; while [ -e /sys/class/net/flannel0 ]; do sleep 0.05; done`,
  before: (_lab, node) => udpRelay(node.ip),
};

/** A line of shell that starts a node's relay anew and waits for its device: for the lab, and to bring back one that was ended. */
export const udpRelay = (ip: string): string =>
  `rm -f ${folder}/ready && { setsid python3 ${folder}/relay.py flannel0 ${ip} 8285 ${folder}/peers ${folder}/ready </dev/null >${folder}/log 2>&1 & } && ` +
  `i=0 && until [ -s ${folder}/ready ]; do i=$((i + 1)); [ $i -lt 200 ] || { cat ${folder}/log >&2; exit 1; }; sleep 0.05; done`;
