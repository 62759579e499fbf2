import type {Ip} from '../net/address.js';
import {contains} from '../net/prefix.js';
import {holderOf} from './choose.js';
import type {Cloud, CloudEni, CloudGroup, GroupRule} from './cloud.js';

/** Packets that all have one fate: from one address, of one kind. */
export interface Kind {
  readonly src: Ip;
  /** As in `GroupRule`; `all` asks for what lets in every protocol. */
  readonly proto: string;
  readonly ports?: readonly [number, number];
}

/** What an interface's security groups make of them. `unknown` says why nobody can tell. */
export type Admission =
  | {readonly verdict: 'accepted' | 'denied'; readonly group: CloudGroup; readonly rule?: GroupRule}
  | {readonly verdict: 'unknown'; readonly because: string};

/**
 * Do the groups of an interface let in what comes to it? Answers to what it sent are always let in, and are not for here. Groups of AWS only
 * accept; Tencent's are asked one after the other, each from its first row; of Alibaba and GCE all rows are sorted by priority, and of equal
 * ones the one that drops wins. What no row is about is dropped. Undefined where no groups were given, or none are known of the interface.
 */
export function admission(cloud: Cloud, eni: CloudEni, kind: Kind): Admission | undefined {
  const {groups} = cloud;
  const ids = eni.groups;
  if (groups === undefined || ids === undefined || ids.length === 0) return undefined;
  const own = ids.flatMap((id) => groups.find((g) => g.id === id && sameCloud(g, eni)) ?? []);
  const lacking = ids.filter((id) => !own.some((g) => g.id === id));
  if (lacking.length > 0) return {verdict: 'unknown', because: `the rows of the security group ${lacking.join(', ')} were not given`};
  const sender = holderOf(cloud, kind.src);
  const members = new Set([...(sender?.groups ?? []), ...(sender?.tags ?? []).map((tag) => `tag ${tag}`)]);
  // Rows that may be about them or not: they matter where they say otherwise than the row that is.
  const open: GroupRule[] = [];
  const unknown = (): Admission => ({verdict: 'unknown', because: `what ${open.map((r) => r.unread).join(', ')} stands for was not given`});
  for (const {group, rule} of inOrder(own)) {
    if (!isAbout(rule, kind) || (rule.targets && !rule.targets.some((tag) => eni.tags?.includes(tag)))) continue;
    if (rule.from.some((p) => contains(p, kind.src)) || rule.groups.some((id) => members.has(id)))
      return open.every((r) => r.action === rule.action)
        ? {verdict: rule.action === 'accept' ? 'accepted' : 'denied', group, rule}
        : unknown();
    if (rule.unread !== undefined) open.push(rule);
  }
  return open.some((r) => r.action === 'accept') ? unknown() : {verdict: 'denied', group: own[0]!};
}

const sameCloud = (group: CloudGroup, eni: CloudEni): boolean => group.provider === eni.provider || group.provider === 'own';

function inOrder(groups: readonly CloudGroup[]): readonly {readonly group: CloudGroup; readonly rule: GroupRule}[] {
  const all = groups.flatMap((group, index) => group.ingress.map((rule) => ({group, rule, index})));
  const byGroup = groups[0]?.provider === 'tencent';
  return all.toSorted(
    (a, b) =>
      (byGroup ? a.index - b.index : 0) ||
      a.rule.priority - b.rule.priority ||
      Number(a.rule.action === 'accept') - Number(b.rule.action === 'accept'),
  );
}

const isAbout = ({proto, ports}: GroupRule, kind: Kind): boolean =>
  (proto === 'all' || proto === kind.proto) &&
  (ports === undefined || (kind.ports !== undefined && ports[0] <= kind.ports[0] && ports[1] >= kind.ports[1]));

/** `tcp 80-90`, `all`. */
export const shownKind = ({proto, ports}: Pick<GroupRule, 'proto' | 'ports'>): string =>
  ports === undefined ? proto : `${proto} ${ports[0] === ports[1] ? ports[0] : `${ports[0]}-${ports[1]}`}`;

/** A row as a person reads it. */
export const shownRule = ({action, from, groups, unread, ...kind}: GroupRule): string =>
  `${action} ${shownKind(kind)} from ${[...from, ...groups, ...(unread === undefined ? [] : [unread])].join(', ') || 'nobody'}`;
