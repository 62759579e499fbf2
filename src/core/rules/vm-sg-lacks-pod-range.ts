import type {Cloud, CloudEni, CloudGroup, GroupRule} from '../cloud/cloud.js';
import {letIn} from '../cloud/commands.js';
import {admission, type Kind, shownKind, shownRule} from '../cloud/groups.js';
import type {Ip} from '../net/address.js';
import {contains, hostOf} from '../net/prefix.js';
import {few, networksOf, type Part, partsOf} from './cloud-rows.js';
import {inCloud} from './cloud-steps.js';
import type {ClusterRule} from './rule.js';

export const vmSgLacksPodRange: ClusterRule = {
  id: 'vm-sg-lacks-pod-range',
  scope: 'cluster',
  stage: 'firewall',
  severity: 'warning',
  holds: "What the security groups let in from nodes, they let in from the nodes' pods.",
  cause: "The groups name the network of the machines, or the machines' own group, and pods have addresses of neither.",
  effect: 'The cloud drops what pods send to this interface, without a word.',
  remedy: "Let in the pods' range too, or have pods' packets leave with the addresses of their nodes.",
  fix: 'no',
  fabric: 'routes',
  cloud: ['groups'],
  *check(cluster) {
    const {cloud} = cluster;
    const parts = partsOf(cluster);
    if (cloud?.groups === undefined || cloud.enis === undefined) return;
    const networks = new Set(cloud.enis.flatMap((e) => (e.node === undefined || e.vpcId === undefined ? [] : [e.vpcId])));
    for (const eni of cloud.enis) {
      const own = parts.find((p) => p.node === eni.node);
      // A node's other interfaces carry no packets for the part of the network that is on its bridge.
      if (own && !eni.addresses.some((a) => a.address === own.address)) continue;
      if (eni.node !== undefined && !own) continue;
      if (networks.size > 0 && eni.vpcId !== undefined && !networks.has(eni.vpcId)) continue;
      // To machines that are no nodes pods' packets go with the node's address where it masquerades.
      const senders = parts.filter((p) => p !== own && (own !== undefined || !masquerades(p)));
      const lacks = senders.flatMap((sender) => lackingOf(cloud, eni, sender).map((missed) => ({...missed, sender})));
      const [first] = lacks;
      if (!first) continue;
      const kinds = [...new Map(lacks.map(({rule}) => [shownKind(rule), rule])).values()];
      const known = networksOf(cluster);
      const ranges = known.length > 0 ? known : [...new Set(lacks.map(({sender}) => sender.subnet))];
      const froms = [...new Set(lacks.map(({sender}) => sender.node))];
      const what = kinds.some((k) => k.proto === 'all') ? 'everything' : kinds.map(shownKind).join(', ');
      const node = own?.node ?? first.sender.node;
      const whole = what === 'everything' || !senders.some((s) => anything(cloud, eni, s));
      yield {
        node,
        subject: eni.id,
        ...(own !== undefined && whole && {severity: 'error' as const}),
        message: `the security group ${first.group.id} of ${eni.id}${own ? ` of ${own.node}` : ', a machine that is no node,'} lets in ${what} from the nodes, and not from the pods of ${few(froms)}`,
        effect: `pods of ${few(froms)} do not reach ${own ? `the pods of ${own.node}` : (eni.addresses[0]?.address ?? eni.id)}${what === 'everything' ? '' : ` by ${what}`}`,
        evidence: [
          {
            node,
            command: cloud.sources.groups?.from ?? 'security groups of the cloud',
            lines: [
              ...kinds.map((rule) => `${first.group.id}: ${shownRule(rule)}`),
              ...[...new Set(lacks.map(({sender}) => sender.subnet))].map((subnet) => `(no row: from ${subnet})`),
            ],
          },
        ],
        peers: froms.filter((name) => name !== node),
        ...inCloud(ranges.flatMap((range) => kinds.map((kind) => letIn(first.group, range, kind)))),
      };
    }
  },
};

const masquerades = ({member}: Part): boolean => {
  const env = member.survey.state.subnetEnv;
  return env !== undefined && env !== 'none' && env.ipmasq === true;
};

/** What the interface is let in of from the sender's node, and not from its pods: each with the row that lets in the node. */
function lackingOf(
  cloud: Cloud,
  eni: CloudEni,
  {address, subnet}: Part,
): readonly {readonly rule: GroupRule; readonly group: CloudGroup}[] {
  if (address === undefined) return [];
  const own = cloud.groups?.filter((g) => eni.groups?.includes(g.id)) ?? [];
  return own.flatMap((group) =>
    group.ingress.flatMap((rule) => {
      const of = (src: Ip): Kind => ({src, proto: rule.proto, ...(rule.ports && {ports: rule.ports})});
      if (rule.action !== 'accept' || admission(cloud, eni, of(address))?.verdict !== 'accepted' || !isFor(rule, cloud, address)) return [];
      return admission(cloud, eni, of(hostOf(subnet, 2)))?.verdict === 'denied' ? [{rule, group}] : [];
    }),
  );
}

/** Is it this row that is about the address? */
const isFor = (rule: GroupRule, cloud: Cloud, address: Ip): boolean => {
  const holder = cloud.enis?.find((e) => e.addresses.some((a) => a.address === address));
  const members = [...(holder?.groups ?? []), ...(holder?.tags ?? []).map((tag) => `tag ${tag}`)];
  return rule.from.some((p) => contains(p, address)) || rule.groups.some((id) => members.includes(id));
};

/** Is anything at all let in from the pods? */
const anything = (cloud: Cloud, eni: CloudEni, {subnet}: Part): boolean =>
  (cloud.groups ?? []).some(
    (group) =>
      eni.groups?.includes(group.id) === true &&
      group.ingress.some((r) => r.action === 'accept' && r.from.some((p) => contains(p, hostOf(subnet, 2)))),
  );
