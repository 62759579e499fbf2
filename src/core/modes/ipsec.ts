import {leaseOf} from '../flannel/lease.js';
import type {XfrmPolicy} from '../kernel/xfrm.js';
import type {Ip, Prefix} from '../net/address.js';
import type {Expected, Mode, Settings, Want} from './mode.js';
import {readSettings} from './settings.js';
import {flannelReqid as reqid} from './tunnel-weight.js';

const settingsOf = (udpEncap: boolean): Settings => ({...readSettings({}), udpEncap});
/** What flannel leaves for ESP: more than it takes, since padding and integrity value depend on the proposal. */
const room = (settings: Settings): number => (settings.udpEncap === true ? 85 : 77);

/**
 * No device and no route: policies say which packets must go encrypted to which peer, and strongSwan's charon, a child of flanneld,
 * keeps the keys (flannel pkg/backend/ipsec; model/flannel-backends.md §4.4). IPv4 only.
 */
export const ipsec: Mode = {
  type: 'ipsec',
  encrypts: 'policies',
  wire: ({udpEncap}) => [
    udpEncap === true ? {proto: 'udp', own: 4500, peer: 4500} : {proto: 'ip', number: 50, name: 'esp'},
    {proto: 'udp', own: 500, peer: 500, keys: true},
  ],
  noIPv6: true,
  noTarget:
    "its policies are in force before charon has agreed on keys, so each pair would lose seconds, and flanctl cannot see charon's part",
  endsWith: 'charon and its associations',
  title: 'flannel ipsec',
  neighbours: false,
  traces: 'own',
  settings: (backend) => settingsOf(backend['udpencap'] === true),
  // Outer IPv4 20 + ESP 8 + IV 8 + padding up to 3 and its trailer 2 + integrity value 16, with flannel's own proposal.
  overhead: () => 57,
  devices: () => [],
  ownsDevice: () => false,
  podMtu: (settings, uplinkMtu) => uplinkMtu - room(settings),
  publishes: () => ({}),
  named: ({udpEncap}) => (udpEncap === true ? 'ipsec (ESP in UDP 4500)' : 'ipsec'),

  detect(state) {
    const policies = (state.tables.xfrm ?? []).filter((p) => p.tmpl.some((t) => t.reqid === reqid));
    const associations = (state.tables.sa ?? []).filter((s) => s.reqid === reqid);
    if (policies.length === 0 && associations.length === 0) return undefined;
    const env = state.subnetEnv;
    const mtu = env !== undefined && env !== 'none' ? env.mtu : undefined;
    const source = policies.find((p) => p.dir === 'out')?.tmpl[0]?.src;
    const dev = state.tables.address?.find((a) => a.local === source)?.dev;
    const uplink = state.tables.link?.find((l) => l.ifname === dev)?.mtu;
    const less = mtu === undefined || uplink === undefined ? undefined : uplink - mtu;
    const configured = less === undefined || less === 77 || less === 85;
    return {
      // Policies outlive flanneld, and then nothing passes them; associations go with charon.
      weight: !configured ? 1 : associations.length > 0 ? 3 : 2,
      settings: settingsOf(less === 85 || associations.some((s) => s.encap !== undefined)),
      evidence: [`${policies.length} policies of reqid ${reqid}`, `${associations.length} security associations`],
    };
  },

  expect({self, peers}): Expected {
    const none = {link: [], address: [], route: [], neigh: [], fdb: []};
    const own = leaseOf(self, 4);
    if (!own) return none;
    const xfrm = peers.flatMap((other): Want<XfrmPolicy>[] => {
      const peer = leaseOf(other, 4);
      if (!peer) return [];
      const rows = [
        policy('out', [own.subnet, peer.subnet], [own.publicIP, peer.publicIP]),
        policy('in', [peer.subnet, own.subnet], [peer.publicIP, own.publicIP]),
        policy('fwd', [peer.subnet, own.subnet], [peer.publicIP, own.publicIP]),
      ];
      return rows.map((row) => ({family: 4, peer: peer.node, row}));
    });
    return {...none, xfrm};
  },

  explain: {
    summary:
      'Pod packets travel encrypted in ESP between the nodes; there is no device and no route, but three policies for each peer and keys that charon agrees on.',
    path: [
      "pod-a eth0 → veth → cni0: the pod sends to its gateway, the first address of its node's subnet",
      'node A route: whatever the tables say, often the default route; its device does not matter',
      'node A policy `out`: SUB(A) to SUB(B) must go through a tunnel from the public address of A to that of B',
      'node A association: with reqid 11 for that tunnel; none means that the packet is dropped',
      'wire: outer IPv4 A → B, ESP (with UDPEncap UDP 4500 and ESP in it), the encrypted packet',
      'node B: the association decrypts; policies `in` and `fwd` let pass only what came through it',
      'node B route: SUB(B) dev cni0 → veth → pod-b eth0',
    ],
    drawing: {
      device: 'IPsec (no device)',
      route: 'route: any that there is',
      finds: 'policy out, association: B',
      takes: 'association, policy fwd',
      carries: 'ESP',
      before: [
        ['IPv4', 20],
        ['ESP', 8],
        ['IV', 8],
      ],
      after: [
        ['pad', 2],
        ['tag', 16],
      ],
      room: 77,
      more: 'up to 3 more of padding; 8 more with UDPEncap',
    },
    overhead: "up to 57 bytes, 65 with UDPEncap: pods get an MTU of the uplink's less 77, or 85",
    facts: [
      'Policies stay when flanneld exits and then drop everything between the two subnets, also what has a route through another backend.',
      'A policy without association drops silently; the kernel counts it in /proc/net/xfrm_stat (XfrmOutNoStates, XfrmInTmplMismatch).',
      'Only pod subnets are selected: traffic from a node itself to remote pods is not encrypted and has no route.',
      'A NAT rule on the pod’s packet changes its source before the policy looks, and then it leaves in clear.',
      'UDP 500 and 4500 and protocol 50 have to pass between all nodes.',
    ],
  },
};

const policy = (dir: XfrmPolicy['dir'], [src, dst]: readonly [Prefix, Prefix], [from, to]: readonly [Ip, Ip]): XfrmPolicy => ({
  dir,
  src,
  dst,
  priority: 0,
  action: 'allow',
  tmpl: [{src: from, dst: to, proto: 'esp', reqid, mode: 'tunnel'}],
});
