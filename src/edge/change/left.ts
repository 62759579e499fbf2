import type {Plan} from '../../core/change/plan.js';
import type {Finding} from '../../core/rules/fold.js';
import type {Stage} from '../../core/rules/rule.js';

/** Whose the things are that doctor speaks of beside what apply repairs. */
const reasons: {readonly [S in Stage]: string} = {
  lease: 'what a node is and publishes is not in its tables: its address, its subnet and its configuration are set elsewhere',
  device: "not a device of flannel's that can be put right from here",
  route: 'not written by flannel',
  neigh: 'not written by flannel',
  fdb: 'not written by flannel',
  policy: 'policy rules belong to whoever wrote them',
  firewall: "iptables and nftables rules are flanneld's and kube-proxy's: restart flanneld",
  sysctl: "a setting of the machine's, or one that flannel does not ask for",
  mtu: "the MTU of interfaces is the machine's, that of pods the CNI plugin's",
  pod: "pods, their bridge and the CNI configuration are the CNI plugin's",
  leftover: 'left over from another time: --prune takes away what flannel wrote',
};

/** Rules whose stage says where they stand among causes, and not whose the thing is. */
const byRule: readonly (readonly [RegExp, string])[] = [
  [/^(cni|bridge-|veth|hairpin|pod-)/, "pods, their bridge and the CNI configuration are the CNI plugin's"],
  [/^subnet-env/, 'flanneld writes its file at its start: restart flanneld'],
  [/^rule-|^nm-/, 'policy rules belong to whoever wrote them'],
  [/^fdb-default/, 'flannel writes no such row, and apply takes nothing away that flannel did not write'],
];

const reasonOf = ({rule, stage}: Finding): string => byRule.find(([pattern]) => pattern.test(rule))?.[1] ?? reasons[stage];

/** What doctor would still find once the plan is through, as things that are left, each with whose matter it is. */
export const leftOf = (findings: readonly Finding[], plan: Plan, asked: (node: string) => boolean): Plan['left'] =>
  findings
    .filter((f) => f.severity !== 'info' && asked(f.node))
    .filter((f) => !plan.left.some((l) => l.node === f.node && l.what.includes(f.subject)))
    .map((f) => ({node: f.node, what: f.message, why: `${reasonOf(f)} (flanctl explain ${f.rule})`}));
