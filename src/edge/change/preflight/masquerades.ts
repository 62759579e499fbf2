import {evaluateHook} from '../../../core/kernel/netfilter/index.js';
import type {Prefix} from '../../../core/net/address.js';
import {familyOf, type Ip} from '../../../core/net/address.js';
import type {NodeState} from '../../../core/node/state.js';

interface End {
  readonly ip: string;
  readonly port: string;
}

/** Rules of thousands of services are walked once a pair of addresses. */
const judged = new WeakMap<NodeState, Map<string, boolean | 'perhaps'>>();

/** Do the node's own rules masquerade a TCP connection from this address of its own to a pod? `perhaps` when they cannot be judged. */
export function masquerades(state: NodeState, from: End, pod: End, subnet: Prefix): boolean | 'perhaps' {
  const known = judged.get(state) ?? new Map<string, boolean | 'perhaps'>();
  judged.set(state, known);
  const key = `${from.ip} ${pod.ip}`;
  const found = known.get(key) ?? judge(state, from, pod, subnet);
  known.set(key, found);
  return found;
}

function judge({netfilter, tables}: NodeState, from: End, pod: End, subnet: Prefix): boolean | 'perhaps' {
  const family = familyOf(pod.ip);
  const oif = tables.route?.find((r) => r.dst === subnet && r.table === 'main')?.dev;
  const local = new Set((tables.address ?? []).map((a) => a.local));
  const {nat, natChoices, verdict} = evaluateHook(netfilter[family], 'postrouting', {
    family,
    src: from.ip as Ip,
    dst: pod.ip as Ip,
    proto: 'tcp',
    sport: Number(from.port),
    dport: Number(pod.port),
    tcpFlags: ['SYN'],
    mark: 0,
    ctmark: 0,
    ctstate: 'new',
    ctdir: 'original',
    ...(oif !== undefined && {oif}),
    isLocal: (address) => local.has(address),
    addressOf: (dev) => tables.address?.find((a) => a.dev === dev && a.family === family)?.local,
  });
  if (nat !== undefined) return nat.kind === 'masquerade';
  const sure = verdict !== 'unknown' && natChoices === undefined && netfilter.iptables.has(family) && netfilter.nft;
  return sure ? false : natChoices?.some((n) => n !== 'none' && n.kind === 'masquerade') === false ? false : 'perhaps';
}
