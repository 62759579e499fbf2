import type {CloudEni} from '../cloud/cloud.js';
import type {Rule} from '../kernel/rule.js';
import {deviceOf, type PolicyNode, type PolicyPod, policyNode} from '../model/policy-node.js';
import type {NodeView} from '../model/view.js';
import type {Ip} from '../net/address.js';
import {contains} from '../net/prefix.js';
import {isConnmarkRule} from '../node/attachment.js';
import {step} from './remedy.js';
import type {Evidence, NodeRule, Step} from './rule.js';
import {sysctlNumber} from './sysctl.js';

/** What the rules about pods with addresses of network interfaces share (model/cloud-modes.md §2). */

/** They are about nodes whose rules lead packets of pods. */
export const policyRouted = (view: NodeView): boolean => policyNode(view) !== undefined || view.cluster.mode?.fabric === 'addresses';

type PodRule = Omit<NodeRule, 'scope' | 'stage' | 'concerns' | 'check'> & {
  readonly stage?: NodeRule['stage'];
  check(view: NodeView, node: PolicyNode): ReturnType<NodeRule['check']>;
};

/** A rule about such a node. */
export const policyRule = ({check, stage = 'policy', ...info}: PodRule): NodeRule => ({
  ...info,
  scope: 'node',
  stage,
  concerns: policyRouted,
  *check(view) {
    const node = policyNode(view);
    if (node) yield* check(view, node);
  },
});

/** A pod as people know it. */
export const called = ({record, pod, address}: Pick<PolicyPod, 'record' | 'pod' | 'address'>): string => {
  const name = record ?? pod?.name;
  return name === undefined ? address : `${name} (${address})`;
};

/** In full where the node's namespace of the pod was gathered. */
export const inPod = (command: string, pod: string): string => `${command} (in ${pod})`;

export const ruleDelete = (node: string, rule: Rule): Step =>
  step(node, [
    'ip',
    'rule',
    'del',
    ...(rule.src === undefined ? (rule.dst === undefined ? ['from', 'all'] : []) : ['from', hostless(rule.src)]),
    ...(rule.dst === undefined ? [] : ['to', hostless(rule.dst)]),
    ...(rule.table === undefined ? [] : ['lookup', rule.table]),
    'pref',
    String(rule.priority),
  ]);

const hostless = (prefix: string): string => (prefix.endsWith('/32') ? prefix.slice(0, -3) : prefix);

/** A command inside a pod, by the name it was gathered under, as far as one line can say it. */
export const stepInPod = (node: string, pod: string, words: readonly string[]): Step => {
  const pid = /^pid-(\d+)$/.exec(pod)?.[1];
  return step(node, pid === undefined ? ['ip', 'netns', 'exec', pod, ...words] : ['nsenter', '-t', pid, '-n', ...words]);
};

/** The rules that may decide before those for pods: all of them but the kernel's own first. */
export const before = (rules: readonly Rule[], priority: number): readonly Rule[] =>
  rules.filter((r) => r.family === 4 && r.priority > 0 && r.priority < priority && !isConnmarkRule(r));

/** Does a rule's selector take packets from or to this address? Marks and devices are conditions that not every packet meets. */
export const catches = (rule: Rule, address: Ip): boolean =>
  rule.not !== true &&
  rule.fwmark === undefined &&
  rule.iif === undefined &&
  rule.oif === undefined &&
  rule.ipproto === undefined &&
  (rule.src === undefined || contains(rule.src, address)) &&
  (rule.dst === undefined || contains(rule.dst, address)) &&
  !(rule.src !== undefined && rule.dst !== undefined);

/**
 * Does the cloud drop what this device sends with an address that is not its interface's? What its data say of that is known for AWS only;
 * Tencent and Alibaba have no such attribute, and check. Without data nobody knows.
 */
export const checksSource = ({cluster, name, state}: NodeView, dev: string): boolean => {
  const eni = cluster.cloud?.enis?.find((e) => e.node === name && deviceOf(state.tables.link ?? [], e) === dev);
  return eni !== undefined && eni.sourceDestCheck !== false;
};

/**
 * Is nothing lost of what leaves by `dev` and should leave by `own`? The cloud says of that interface that it may send with any address, and
 * the kernel lets in by `own` what it would answer by `dev` (model/cloud-modes.md §2.7).
 */
export function silent(view: NodeView, dev: string | undefined, own: string): boolean {
  const mac = view.state.tables.link?.find((l) => l.ifname === dev)?.address;
  const eni = mac === undefined ? undefined : view.cluster.cloud?.enis?.find((e) => e.mac === mac);
  return (
    eni?.sourceDestCheck === false && Math.max(...['all', own].map((d) => sysctlNumber(view, `net/ipv4/conf/${d}/rp_filter`) ?? 0)) !== 1
  );
}

/** What the cloud says of the interface that holds an address. */
export const cloudEvidence = (view: NodeView, enis: readonly CloudEni[], otherwise = ''): Evidence => ({
  node: view.name,
  command: view.cluster.cloud?.sources.enis?.from ?? 'the interfaces that the cloud lists',
  lines:
    enis.length === 0
      ? [otherwise]
      : enis.map(
          (e) =>
            `${e.id}${e.mac === undefined ? '' : ` ${e.mac}`}${e.instanceId === undefined ? '' : ` on ${e.instanceId}`}: ${e.addresses.map((a) => a.address).join(', ')}`,
        ),
  ...(enis.length > 0 && {raw: enis.map((e) => e.raw)}),
});
