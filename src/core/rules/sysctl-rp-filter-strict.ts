import {leaseOf} from '../flannel/lease.js';
import {lookup} from '../forwarding/lookup.js';
import {sysctlSet} from '../kernel/commands.js';
import {route as routeTable} from '../kernel/route.js';
import {baseOf} from '../net/prefix.js';
import {isTunnel, rowFor} from './pair.js';
import {foreign} from './policy.js';
import {step} from './remedy.js';
import {insideOf} from './route-shadowed.js';
import {type NodeRule, rows} from './rule.js';
import {sysctlEvidence, sysctlNumber} from './sysctl.js';
import {token} from './token.js';

export const sysctlRpFilterStrict: NodeRule = {
  id: 'sysctl-rp-filter-strict',
  scope: 'node',
  stage: 'sysctl',
  severity: 'error',
  holds: "Where packets of a peer's pods come in by another device than the answers leave by, rp_filter is not strict.",
  cause:
    'One node of a pair uses the tunnel and the other the plain route (DirectRouting decided differently), or a second interface or a VPN takes one direction.',
  effect: 'The packets arrive and are dropped before forwarding, without a trace but a counter.',
  remedy: 'Make both directions use one way; or set rp_filter to 2 on the device, in /etc/sysctl.d too.',
  fix: 'ask',
  needs: ['sysctl', 'route'],
  *check(view) {
    const {name, self, peers, cluster, member, state} = view;
    const all = sysctlNumber(view, 'net/ipv4/conf/all/rp_filter') ?? 0;
    const strict = (dev: string) => Math.max(all, sysctlNumber(view, `net/ipv4/conf/${dev}/rp_filter`) ?? 0) === 1;
    const mine = self && leaseOf(self, 4);
    const uplink = member.uplink?.name;
    if (!mine || uplink === undefined || !state.families.route?.has(4)) return;
    const tunnel = cluster.settings && cluster.mode?.devices(cluster.settings).find((d) => d.family === 4)?.name;
    if (!strict(uplink) && (tunnel === undefined || !strict(tunnel))) return;
    // By which device do the peers' packets come in? Their own rows for this node's subnet say so.
    const ways = cluster.claims.route.get(mine.subnet);
    const incoming = new Map<string, string>();
    // The gateway of an ipip route is the public address whichever device the row names.
    const plain = cluster.mode?.gateways !== 'tunnel' ? uplink : cluster.settings?.directRouting ? undefined : tunnel;
    if (plain !== undefined) for (const node of ways?.get(mine.publicIP) ?? []) incoming.set(node, plain);
    if (tunnel !== undefined) for (const node of ways?.get(baseOf(mine.subnet)) ?? []) incoming.set(node, tunnel);
    const ruled = (state.tables.rule ?? []).some((r) => r.family === 4 && foreign(r));
    const drifted = new Set((view.changes.route ?? []).flatMap((c) => (c.kind === 'unexpected' ? [] : [c.want.row.dst])));
    for (const other of peers) {
      const peer = leaseOf(other, 4);
      const dev = incoming.get(other.node);
      if (!peer || dev === undefined || !strict(dev)) continue;
      const row = rowFor(view, peer.subnet);
      const found =
        ruled || row === undefined ? lookup(state, {dst: insideOf(peer.subnet), src: insideOf(mine.subnet), iif: view.bridge}) : undefined;
      if (found?.kind === 'unknown') continue;
      const back = found === undefined ? row : found.kind === 'route' ? found.route : undefined;
      if (back?.dev === dev || back?.nexthops?.some((n) => n.dev === dev)) continue;
      // The step would only hide a wrong row, on either side.
      const asWanted = !drifted.has(peer.subnet) && back !== undefined && isTunnel(back.dev) !== isTunnel(dev);
      const key = `net/ipv4/conf/${dev}/rp_filter`;
      yield {
        subject: `${dev} (${peer.node})`,
        message: `${name} drops packets of ${peer.node}'s pods: they come in by ${dev}, where rp_filter is strict, and answers would leave by ${back?.dev ?? 'no device'}`,
        effect: `pods of ${peer.node} (${peer.subnet}) cannot reach pods of ${name}`,
        evidence: [sysctlEvidence(view, 'net/ipv4/conf/all/rp_filter', key), ...(back ? [rows(name, routeTable.show, [back])] : [])],
        ...(asWanted && {steps: [step(name, sysctlSet(key, '2'))]}),
        peers: [peer.node],
        dependsOn: [
          token.lease(name),
          token.lease(peer.node),
          token.route(name, peer.node),
          token.route(peer.node, name),
          token.forwarding(name),
          token.device(name, dev),
          token.underlay(name, peer.node),
        ],
      };
    }
  },
};
