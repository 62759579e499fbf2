import {attachmentsOf, isConnmarkRule, isFromPodRule, isToPodRule} from '../../node/attachment.js';
import type {NodeState} from '../../node/state.js';
import type {Detection, ExpectContext, Expected, Mode, Priorities} from '../mode.js';
import {readSettings} from '../settings.js';
import {podRows} from './pod-rows.js';
import {withoutDevice} from './without-device.js';

export type Product = 'tke' | 'aws' | 'terway';

/** What a node's rules and tables tell of whose they are; nothing where pods have none. */
export function productOf(state: NodeState): {readonly product: Product; readonly evidence: readonly string[]} | undefined {
  const rules = state.tables.rule ?? [];
  const own = new Set((state.tables.address ?? []).map((a) => a.local));
  const from = rules.filter((r) => isFromPodRule(r) && !own.has(r.src!.slice(0, r.src!.indexOf('/'))));
  const to = rules.filter(isToPodRule);
  const connmark = rules.some(isConnmarkRule);
  if (from.length === 0 && to.length === 0) return undefined;
  const priorities = new Set(from.map((r) => r.priority));
  const tables = [...new Set(from.map((r) => Number(r.table)))].filter((n) => !Number.isNaN(n));
  const indexes = new Set((state.tables.link ?? []).flatMap((l) => l.ifindex ?? []));
  const names = attachmentsOf(state).flatMap((a) => a.veth ?? []);
  const cali = names.filter((n) => n.startsWith('cali')).length;
  const evidence = [
    `${to.length} rules to pods, ${from.length} from pods${priorities.size > 0 ? ` with priority ${[...priorities].join(', ')}` : ''}`,
    ...(tables.length > 0 ? [`tables ${tables.join(', ')}`] : []),
  ];
  if (priorities.has(2048) || (from.length === 0 && cali > 0 && cali === names.length))
    return {product: 'terway', evidence: [...evidence, ...(tables.some((t) => indexes.has(t - 1000)) ? ['1000 + ifindex'] : [])]};
  if (connmark) return {product: 'aws', evidence: [...evidence, 'rule fwmark 0x80/0x80 lookup main']};
  // TKE's are 1, 100, 2000 or 4000 + ifindex; those of AWS are the device's number + 1, or 10000 and more for further network cards.
  const ofAws = tables.length > 0 && tables.every((t) => (t >= 2 && t < 20) || t >= 10_000);
  return {product: ofAws ? 'aws' : 'tke', evidence};
}

/** A node whose pods have addresses of a shared network interface, and rules that lead their packets to it. */
export function detectPolicy(state: NodeState, product: Product): Detection | undefined {
  const found = productOf(state);
  if (found?.product !== product) return undefined;
  const pods = attachmentsOf(state).filter((a) => a.kind === 'policy' || a.kind === 'policy-primary');
  const routed = pods.filter((a) => a.by.includes('route'));
  // A rule to one address alone is a VPN client's as well.
  if (pods.every((a) => a.by.every((sign) => sign === 'to-rule'))) return undefined;
  return {
    weight: routed.length > 0 ? 3 : 2,
    settings: readSettings({}),
    evidence: [...found.evidence, `${routed.length} host routes to pods`],
  };
}

/** What the three have in common: everything but names, numbers and words. */
export function policyMode(
  mode: Pick<Mode, 'type' | 'title' | 'inside' | 'pods'> & {readonly explain: Omit<Mode['explain'], 'drawing'>},
  product: Product,
  priorities: Priorities,
  onlink: boolean,
): Mode {
  return {
    ...mode,
    ...withoutDevice,
    traces: 'own',
    fabric: 'addresses',
    foreign: true,
    pods: {...mode.pods, priorities},
    named: () => mode.type,
    detect: (state) => detectPolicy(state, product),
    expect: ({here}: ExpectContext): Expected => ({link: [], address: [], neigh: [], fdb: [], ...podRows(here, priorities, onlink)}),
    explain: {
      ...mode.explain,
      drawing: {
        bridge: 'veth',
        route: `rule ${priorities.from}, its table`,
        uplink: 'eth1',
        arrives: `rule ${priorities.to}, P dev veth`,
        carries: 'VPC: P is B’s',
        before: [],
        room: 0,
      },
    },
  };
}
