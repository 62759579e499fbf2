import {leaseOf} from '../flannel/lease.js';
import {evaluateHook} from '../kernel/netfilter/evaluate.js';
import type {Hook, Packet} from '../kernel/netfilter/packet.js';
import {byEvidence, isNative, localTo, readable, rulesetsOf, toolOf} from './flows.js';
import {tunnelledWith} from './idle-tunnel.js';
import {step} from './remedy.js';
import type {NodeRule} from './rule.js';
import {token} from './token.js';

export const fwEncapPortBlocked: NodeRule = {
  id: 'fw-encap-port-blocked',
  scope: 'node',
  stage: 'firewall',
  severity: 'error',
  holds: "The node's firewall lets the tunnel's UDP packets of every peer in, and its own out.",
  cause: "firewalld, ufw or an INPUT chain that ends in DROP, without a rule for the tunnel's port (8472, not the 4789 that manuals name).",
  effect: 'Nothing that other nodes send through the tunnel gets in; what this node sends arrives there.',
  remedy:
    'Open the port for the nodes: `firewall-cmd --permanent --add-port=8472/udp`, `ufw allow 8472/udp`; the commands hold until the firewall is reloaded.',
  fix: 'ask',
  modes: ['vxlan'],
  needs: ['iptables'],
  confirms: ['nft'],
  *check(view) {
    const {name, self, peers, member, cluster, state} = view;
    const uplink = member.uplink?.name;
    const port = cluster.settings?.port;
    if (!self || uplink === undefined || port === undefined) return;
    for (const family of [4, 6] as const) {
      const mine = leaseOf(self, family);
      if (!mine || !readable(view, family)) continue;
      const blocked = new Map<string, {hook: Hook; by: Parameters<typeof byEvidence>[1]; how: string; nodes: string[]}>();
      // Beyond that many peers the rules that name single ones are not looked for.
      for (const other of peers.slice(0, 64)) {
        const peer = leaseOf(other, family);
        if (!peer || !tunnelledWith(view, peer)) continue;
        const udp = {
          family,
          proto: 'udp',
          sport: 40_000,
          dport: port,
          mark: 0,
          ctmark: 0,
          ctstate: 'new',
          physdev: false,
          isLocal: localTo(view),
        } as const;
        const into: Packet = {...udp, src: peer.publicIP, dst: mine.publicIP, iif: uplink, pkttype: 'unicast'};
        const out: Packet = {...udp, src: mine.publicIP, dst: peer.publicIP, oif: uplink};
        const ways: readonly (readonly [Hook, Packet])[] = [
          ['prerouting', into],
          ['input', into],
          ['output', out],
          ['postrouting', out],
        ];
        for (const [hook, packet] of ways) {
          const {verdict, by} = evaluateHook(state.netfilter[family], hook, packet);
          if ((verdict !== 'drop' && verdict !== 'reject') || !by) continue;
          const key = `${hook} ${by.command} ${by.line}`;
          const held = blocked.get(key);
          if (held) held.nodes.push(other.node);
          else blocked.set(key, {hook, by, how: verdict, nodes: [other.node]});
        }
      }
      for (const {hook, by, how, nodes} of blocked.values()) {
        const inward = hook === 'prerouting' || hook === 'input';
        const ruleset = rulesetsOf(view, family).find((r) => r.command === by.command);
        const names = nodes.length > 5 ? `${nodes.length} other nodes` : nodes.join(', ');
        yield {
          subject: `UDP ${port} ${inward ? 'in' : 'out'} (IPv${family})`,
          message: `${name} ${how}s the tunnel's packets (UDP ${port}) ${inward ? `that come from ${names}` : `that it sends to ${names}`}`,
          effect: inward
            ? `pods of ${names} cannot reach pods of ${name}, and answers from there do not arrive`
            : `pods of ${name} cannot reach pods of ${names}`,
          evidence: [byEvidence(name, by)],
          steps: isNative(by)
            ? [step(name, ['nft', 'insert', 'rule', ...by.table.split(' '), by.chain, 'udp', 'dport', String(port), 'accept'])]
            : [
                step(name, [
                  toolOf(ruleset, family),
                  ...(by.table === 'filter' ? [] : ['-t', by.table]),
                  '-I',
                  hook.toUpperCase(),
                  '1',
                  '-p',
                  'udp',
                  '--dport',
                  String(port),
                  '-j',
                  'ACCEPT',
                ]),
              ],
          peers: nodes,
          breaks: nodes.map((peer) => token.underlay(name, peer)),
        };
      }
    }
  },
};
