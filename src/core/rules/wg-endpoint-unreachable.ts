import {shownEndpoint, wg as table, type WgPeer} from '../kernel/wg.js';
import type {NodeView} from '../model/view.js';
import {type NodeRule, rows} from './rule.js';
import {token} from './token.js';
import {peerSteps} from './wg-peers.js';

/** A session is renewed every two minutes while something is sent, and dead after three (WireGuard's REJECT_AFTER_TIME). */
const dead = 180;

export const wgEndpointUnreachable: NodeRule = {
  id: 'wg-endpoint-unreachable',
  scope: 'node',
  // What keeps a handshake from being answered comes before: keys, routes, firewalls.
  stage: 'mtu',
  severity: 'error',
  holds: 'Every WireGuard peer that something was sent to has answered, and one that is kept alive has done so within three minutes.',
  cause: "The peer's public address is not reachable from here (another site, NAT), or its UDP port is closed on the way.",
  effect: 'No session, so no packet: up to 128 wait for the handshake, which is tried every five seconds, and are dropped after ninety.',
  remedy:
    'Open UDP 51820 (IPv6: 51821) between the nodes; publish an address that the others can reach (`node-public-ip`, k3s: --node-external-ip with --flannel-external-ip).',
  fix: 'no',
  modes: ['wireguard'],
  needs: ['wg'],
  *check(view) {
    const {name, state, expected} = view;
    const taken = Date.parse(state.takenAt ?? '') / 1000;
    for (const {row: wanted, peer = '', ...want} of expected?.wg ?? []) {
      const row = state.tables.wg?.find((p) => p.dev === wanted.dev && p.publicKey === wanted.publicKey);
      const said = row && silence(row, taken);
      if (!row || said === undefined) continue;
      const moved =
        row.endpoint !== undefined && wanted.endpoint !== undefined && shownEndpoint(row.endpoint) !== shownEndpoint(wanted.endpoint);
      yield {
        subject: `${peer} on ${wanted.dev}`,
        message: `${name} ${said} ${peer} at ${row.endpoint ? shownEndpoint(row.endpoint) : 'no known address'}${moved ? `; by its lease it is at ${shownEndpoint(wanted.endpoint)}` : ''}`,
        effect: `pods of ${name} and of ${peer} cannot reach each other`,
        evidence: [rows(name, shown, [row])],
        // An endpoint that is not the lease's and never answered is worth setting back; nothing else can be done from here.
        steps: moved ? peerSteps(view, {...want, row: wanted, peer}) : [],
        peers: [peer],
        dependsOn: blockers(view, peer, wanted.dev),
      };
    }
  },
};

function silence({latestHandshake, txBytes, rxBytes, persistentKeepalive}: WgPeer, now: number): string | undefined {
  if (latestHandshake === undefined) return txBytes > 0 && rxBytes === 0 ? 'has never had an answer from' : undefined;
  const age = Math.round(now - latestHandshake);
  // An idle tunnel has no session and is well; one that is kept alive is never idle.
  return persistentKeepalive !== undefined && age > dead + persistentKeepalive
    ? `keeps the tunnel alive and has had no handshake for ${age} seconds with`
    : undefined;
}

const shown = (row: WgPeer): string =>
  `${table.show(row)} latest-handshake ${row.latestHandshake ?? 'never'} sent ${row.txBytes} received ${row.rxBytes}`;

const blockers = ({name, cluster, member}: NodeView, peer: string, dev: string) => [
  ...[name, peer].flatMap((node) => [token.lease(node), token.key(node), token.device(node, dev), token.forwarding(node)]),
  ...(member.uplink ? [token.device(name, member.uplink.name)] : []),
  ...cluster.members.filter((m) => m.name === peer && m.uplink).map((m) => token.device(peer, m.uplink!.name)),
  token.news(name, peer),
  token.news(peer, name),
  token.end(name, peer),
  token.end(peer, name),
  token.underlay(name, peer),
  token.underlay(peer, name),
];
