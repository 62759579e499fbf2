import {leaseOf} from '../flannel/lease.js';
import {evaluateHook} from '../kernel/netfilter/evaluate.js';
import type {Hook, Packet} from '../kernel/netfilter/packet.js';
import type {NodeView} from '../model/view.js';
import type {Family} from '../net/address.js';
import {byEvidence, isNative, localTo, readable, rulesetsOf, toolOf} from './flows.js';
import {tunnelledWith} from './idle-tunnel.js';
import {type Outer, outerPackets} from './outer-packets.js';
import {step} from './remedy.js';
import type {NodeRule, Observation} from './rule.js';
import {token} from './token.js';

type By = Parameters<typeof byEvidence>[1];

/** Packets of one kind that one rule of the firewall stops. */
interface Blocked {
  readonly family: Family;
  readonly outer: Outer;
  readonly hook: Hook;
  readonly by: By;
  readonly how: string;
  /** Only those that open a connection: what answers this node's own packets gets in. */
  readonly opening: boolean;
  readonly nodes: string[];
}

export const fwEncapPortBlocked: NodeRule = {
  id: 'fw-encap-port-blocked',
  scope: 'node',
  stage: 'firewall',
  severity: 'error',
  holds: "The node's firewall lets the tunnel's packets of every peer in, and its own out.",
  cause:
    "firewalld, ufw or an INPUT chain that ends in DROP, without a rule for the tunnel's port or protocol: UDP 8472 (vxlan, not the 4789 that manuals name), 8285 (udp), 51820 and 51821 (wireguard), protocol 4 (ipip), protocol 50 with UDP 500 and 4500 (ipsec).",
  effect: 'Nothing that other nodes send through the tunnel gets in; what this node sends arrives there.',
  remedy:
    'Open it for the nodes: `firewall-cmd --permanent --add-port=8472/udp`, `ufw allow 8472/udp`, or the like for the port or protocol named; the commands hold until the firewall is reloaded.',
  fix: 'ask',
  modes: ['vxlan', 'udp', 'ipip', 'wireguard', 'ipsec', 'extension'],
  needs: ['iptables'],
  confirms: ['nft'],
  *check(view) {
    for (const family of [4, 6] as const) for (const one of blockedOf(view, family)) yield observe(view, one);
  },
};

function blockedOf(view: NodeView, family: Family): Iterable<Blocked> {
  const {self, peers, member, cluster, state} = view;
  const uplink = member.uplink?.name;
  const mine = self && leaseOf(self, family);
  const blocked = new Map<string, Blocked>();
  if (!mine || uplink === undefined || !readable(view, family)) return [];
  // Beyond that many peers the rules that name single ones are not looked for.
  for (const other of peers.slice(0, 64)) {
    const peer = leaseOf(other, family);
    if (!peer || !tunnelledWith(view, peer)) continue;
    for (const outer of outerPackets(cluster, mine, peer)) {
      const packet = {family, proto: outer.proto, mark: 0, ctmark: 0, ctstate: 'new', physdev: false, isLocal: localTo(view)} as const;
      const into: Packet = {...packet, ...outer.into, src: peer.publicIP, dst: mine.publicIP, iif: uplink, pkttype: 'unicast'};
      const out: Packet = {...packet, ...outer.out, src: mine.publicIP, dst: peer.publicIP, oif: uplink};
      const ways: readonly (readonly [Hook, Packet])[] = [
        ['prerouting', into],
        ['input', into],
        ['output', out],
        ['postrouting', out],
      ];
      for (const [hook, tried] of ways) {
        const {verdict, by} = evaluateHook(state.netfilter[family], hook, tried);
        if ((verdict !== 'drop' && verdict !== 'reject') || !by) continue;
        const later = outer.answers ? evaluateHook(state.netfilter[family], hook, {...tried, ctstate: 'established'}).verdict : verdict;
        const key = `${outer.what} ${hook} ${by.command} ${by.line}`;
        const held = blocked.get(key);
        if (held) held.nodes.push(other.node);
        else blocked.set(key, {family, outer, hook, by, how: verdict, opening: later === 'accept', nodes: [other.node]});
      }
    }
  }
  return blocked.values();
}

function observe(view: NodeView, {family, outer, hook, by, how, opening, nodes}: Blocked): Observation {
  const {name, state} = view;
  const inward = hook === 'prerouting' || hook === 'input';
  const ruleset = rulesetsOf(view, family).find((r) => r.command === by.command);
  const names = nodes.length > 5 ? `${nodes.length} other nodes` : nodes.join(', ');
  const agreed = outer.keys === true && (state.tables.sa ?? []).length > 0;
  return {
    ...((opening || agreed) && {severity: 'warning' as const}),
    subject: `${outer.what} ${inward ? 'in' : 'out'} (IPv${family})`,
    message: `${name} ${how}s the tunnel's packets (${outer.what}) ${inward ? `that come from ${names}` : `that it sends to ${names}`}`,
    effect: agreed
      ? `none until keys are agreed on anew: then pods of ${name} and of ${names} cannot reach each other`
      : opening
        ? `only after ${name} itself has sent something does the tunnel carry packets of ${names}`
        : inward
          ? `pods of ${names} cannot reach pods of ${name}, and answers from there do not arrive`
          : `pods of ${name} cannot reach pods of ${names}`,
    evidence: [byEvidence(name, by)],
    steps: isNative(by)
      ? [step(name, ['nft', 'insert', 'rule', ...by.table.split(' '), by.chain, ...outer.nft, 'accept'])]
      : [
          step(name, [
            toolOf(ruleset, family),
            ...(by.table === 'filter' ? [] : ['-t', by.table]),
            '-I',
            hook.toUpperCase(),
            '1',
            ...outer.iptables,
            '-j',
            'ACCEPT',
          ]),
        ],
    peers: nodes,
    breaks: nodes.map((peer) => token.underlay(name, peer)),
  };
}
