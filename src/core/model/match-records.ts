import type {NodeRecord} from '../flannel/records.js';
import type {Ip, Prefix} from '../net/address.js';
import type {InventoryNode} from './inventory.js';
import type {NodeSurvey} from './survey.js';

/** Whose records are whose. */
export interface MatchedRecords {
  readonly byNode: ReadonlyMap<string, NodeRecord>;
  /** Records of nodes that were not looked at, each under a name that nobody else has. */
  readonly others: readonly {readonly name: string; readonly record: NodeRecord}[];
}

/**
 * Finds the record of each node: by its name (Kubernetes; an inventory may call a node by its address, as etcd does), then by public address
 * and pod subnet together, by the address, by the subnet. The surest come first, so that a lease that was changed is still known by the rest.
 */
export function matchRecords(
  surveys: readonly NodeSurvey[],
  records: readonly NodeRecord[],
  listed: ReadonlyMap<string, InventoryNode>,
): MatchedRecords {
  const byNode = new Map<string, NodeRecord>();
  const free = new Set(records);
  const traits = surveys.map((survey) => ({name: survey.name, ...traitsOf(survey, listed.get(survey.name))}));
  const addresses = index(traits, (t) => t.addresses);
  const subnets = index(traits, (t) => t.subnets);
  const names = index(traits, (t) => [t.name]);
  const at = <K>(map: ReadonlyMap<K, readonly string[]>, keys: readonly (K | undefined)[]): readonly string[] =>
    keys.flatMap((key) => (key === undefined ? [] : (map.get(key) ?? [])));
  const held = ({lease}: NodeRecord) =>
    at(
      addresses,
      [lease.publicIP, lease.publicIPv6, lease.nodePublicIP, lease.nodePublicIPv6].filter((a) => a !== undefined),
    );
  const internal = ({addresses: stated}: NodeRecord) =>
    at(
      addresses,
      (stated ?? []).filter((a) => a.type === 'InternalIP').map((a) => a.address),
    );
  const lent = ({lease}: NodeRecord) => at(subnets, [lease.subnet, lease.ipv6Subnet]);
  const passes: readonly ((record: NodeRecord) => readonly string[])[] = [
    ({name, lease}) => at(names, [name ?? lease.publicIP]),
    (record) => held(record).filter((name) => lent(record).includes(name)),
    internal,
    held,
    lent,
  ];
  for (const pass of passes)
    for (const record of free) {
      const name = pass(record).find((candidate) => !byNode.has(candidate));
      if (name === undefined) continue;
      byNode.set(name, record);
      free.delete(record);
    }
  const taken = new Set(traits.map((t) => t.name));
  const others = [...free].map((record) => {
    const name = [record.name, record.lease.publicIP, record.lease.publicIPv6, record.lease.subnet, record.lease.ipv6Subnet].find(
      (candidate) => candidate !== undefined && !taken.has(candidate),
    );
    const own = name ?? `lease ${taken.size}`;
    taken.add(own);
    return {name: own, record};
  });
  return {byNode, others};
}

/** What of a node can be found in its lease. */
function traitsOf(
  {addresses, state: {subnetEnv}}: NodeSurvey,
  listed: InventoryNode | undefined,
): {addresses: readonly Ip[]; subnets: readonly Prefix[]} {
  const env = subnetEnv === undefined || subnetEnv === 'none' ? undefined : subnetEnv;
  return {
    addresses: [...addresses.map((a) => a.address), listed?.lease?.publicIP, listed?.lease?.publicIPv6, listed?.host].filter(
      (a) => a !== undefined,
    ),
    subnets: [env?.subnet, env?.ipv6Subnet, listed?.lease?.subnet, listed?.lease?.ipv6Subnet].filter((s) => s !== undefined),
  };
}

function index<T extends {readonly name: string}>(
  items: readonly T[],
  keys: (item: T) => readonly string[],
): ReadonlyMap<string, readonly string[]> {
  const map = new Map<string, string[]>();
  for (const item of items)
    for (const key of new Set(keys(item))) {
      const held = map.get(key);
      if (held) held.push(item.name);
      else map.set(key, [item.name]);
    }
  return map;
}

const notLooked = (from: string): string => `listed by ${from}, and not looked at`;

/** A node that only the records know, as a survey of which nothing was read; `missed`: it should have been. */
export const unread = (name: string, from: string, missed: boolean): NodeSurvey => ({
  name,
  state: {
    subnetEnv: undefined,
    netConf: undefined,
    via: 'records',
    host: {},
    families: {},
    gaps: missed ? [{node: name, what: 'node', why: notLooked(from)}] : [],
    failure: {kind: 'not-asked', message: notLooked(from)},
  },
  detections: [],
  addresses: [],
  links: [],
  defaultDev: {},
  looksAt: {routes: false, links: false, rules: false},
  bridge: 'cni0',
});
