import {at, list, text} from '../../flannel/records/json.js';
import {tryIp} from '../../net/address.js';
import {tryPrefix} from '../../net/prefix.js';
import type {CloudEni, CloudGroup, CloudRoute, CloudTable, GroupRule, NextHop} from '../cloud.js';
import {type Doubts, each, given, number, portRange, protocolOf, type Shape, texts} from './shape.js';

/** What `gcloud --format=json` prints (an array), or the API itself (`items`). */
const itemsOf = (data: unknown): readonly unknown[] => (Array.isArray(data) ? data : list(at(data, 'items')));
const placeOf = (data: unknown): string => (Array.isArray(data) ? '' : 'items');

/** A resource's name within its project: `zones/z/instances/n` of `https://…/projects/p/zones/z/instances/n`. */
export const shortName = (url: string): string => url.replace(/^(.*\/)?projects\/[^/]+\//, '');

const targets = [
  ['nextHopInstance', 'instance'],
  ['nextHopIp', 'ip'],
  ['nextHopNetwork', 'network'],
  ['nextHopGateway', 'gateway'],
  ['nextHopPeering', 'peering'],
  ['nextHopIlb', 'ilb'],
  ['nextHopVpnTunnel', 'vpnTunnel'],
  ['nextHopHub', 'hub'],
  ['nextHopInterconnectAttachment', 'interconnectAttachment'],
] as const;

function nextHopOf(row: unknown): NextHop {
  const found = targets.find(([key]) => (text(row, key) ?? '') !== '');
  if (found === undefined) return {type: 'none', id: ''};
  const [key, type] = found;
  const value = text(row, key)!;
  return {type, id: shortName(value), ...given('ip', type === 'ip' ? tryIp(value) : undefined)};
}

const dead = new Set(['NEXT_HOP_INSTANCE_NOT_FOUND', 'NEXT_HOP_NOT_RUNNING']);

function routeOf(row: unknown, place: string, doubts: Doubts): readonly CloudRoute[] {
  const dst = doubts.prefix(row, 'destRange', place);
  const network = doubts.text(row, 'network', place);
  if (dst === undefined || network === undefined) return [];
  const nextHop = nextHopOf(row);
  const warnings = list(at(row, 'warnings')).map((w) => text(w, 'code') ?? '');
  const tags = texts(at(row, 'tags'));
  return [
    {
      provider: 'gcp',
      tableId: shortName(network),
      dst,
      nextHop,
      state: warnings.some((code) => dead.has(code)) ? 'blackhole' : 'active',
      origin:
        nextHop.type === 'network' ? 'system' : nextHop.type === 'peering' || text(row, 'routeType') === 'BGP' ? 'propagated' : 'user',
      priority: number(at(row, 'priority')) ?? 1000,
      ...given('tags', tags.length > 0 ? tags : undefined),
      ...given('cannotForward', warnings.includes('NEXT_HOP_CANNOT_IP_FORWARD') ? true : undefined),
      raw: row,
    },
  ];
}

/** `gcloud compute routes list --format=json` */
export const routes: Shape = {
  command: 'gcloud compute routes list --format=json',
  fits: (data) => itemsOf(data).some((row) => text(row, 'kind') === 'compute#route' || at(row, 'destRange') !== undefined),
  read(data, doubts) {
    const found = each(itemsOf(data), placeOf(data)).flatMap(({item, place}) => routeOf(item, place, doubts));
    const networks = new Set(found.map((row) => row.tableId));
    return {
      routes: found,
      tables: [...networks].map((id): CloudTable => ({provider: 'gcp', id, subnets: [], wide: true})),
      more: (text(data, 'nextPageToken') ?? '') !== '',
    };
  },
};

/** `gcloud compute instances list --format=json` */
export const instances: Shape = {
  command: 'gcloud compute instances list --format=json',
  fits: (data) => itemsOf(data).some((item) => at(item, 'networkInterfaces') !== undefined),
  read(data, doubts) {
    return {
      enis: each(itemsOf(data), placeOf(data)).flatMap(({item, place}) => {
        const name = doubts.text(item, 'name', place) ?? '';
        const zone = (text(item, 'zone') ?? '').split('/').at(-1) ?? '';
        const forwards = at(item, 'canIpForward');
        return each(at(item, 'networkInterfaces'), `${place}.networkInterfaces`).map((nic, index): CloudEni => {
          const address = doubts.ip(nic.item, 'networkIP', nic.place);
          const subnet = text(nic.item, 'subnetwork');
          return {
            provider: 'gcp',
            id: `${name}/${text(nic.item, 'name') ?? `nic${index}`}`,
            instanceId: zone === '' ? name : `zones/${zone}/instances/${name}`,
            primary: index === 0,
            deviceIndex: index,
            ...given('subnetId', subnet && shortName(subnet)),
            ...given('vpcId', text(nic.item, 'network') === undefined ? undefined : shortName(text(nic.item, 'network')!)),
            addresses: address === undefined ? [] : [{address, primary: true}],
            prefixes: list(at(nic.item, 'aliasIpRanges')).flatMap((range) => tryPrefix(text(range, 'ipCidrRange') ?? '') ?? []),
            // Off unless it was switched on when the machine was made; the API leaves it out then.
            sourceDestCheck: forwards !== true,
            tags: texts(at(item, 'tags', 'items')),
            ...given('groups', text(nic.item, 'network') === undefined ? undefined : [shortName(text(nic.item, 'network')!)]),
            raw: item,
          };
        });
      }),
      more: (text(data, 'nextPageToken') ?? '') !== '',
    };
  },
};

/** `gcloud compute firewall-rules list --format=json`: those of one network are what its machines' security group would be */
export const firewallRules: Shape = {
  command: 'gcloud compute firewall-rules list --format=json',
  fits: (data) => itemsOf(data).some((item) => text(item, 'kind') === 'compute#firewall' || at(item, 'sourceRanges') !== undefined),
  read(data, doubts) {
    const networks = new Map<string, GroupRule[]>();
    for (const {item, place} of each(itemsOf(data), placeOf(data))) {
      const network = shortName(doubts.text(item, 'network', place) ?? '');
      const rules = networks.get(network) ?? [];
      networks.set(network, rules);
      if (text(item, 'direction') !== 'EGRESS' && at(item, 'disabled') !== true) rules.push(...firewallRule(item, place, doubts));
    }
    return {
      groups: [...networks].map(([id, ingress]): CloudGroup => ({provider: 'gcp', id, ingress})),
      more: (text(data, 'nextPageToken') ?? '') !== '',
    };
  },
};

function firewallRule(item: unknown, place: string, doubts: Doubts): readonly GroupRule[] {
  const ranges = texts(at(item, 'sourceRanges'));
  const from = ranges.flatMap((value) => tryPrefix(value) ?? doubts.say(`${place}.sourceRanges`, `not a prefix: ${value}`) ?? []);
  const accounts = texts(at(item, 'sourceServiceAccounts'));
  const bound = texts(at(item, 'targetServiceAccounts'));
  const targets = texts(at(item, 'targetTags'));
  return (['allowed', 'denied'] as const).flatMap((key) =>
    list(at(item, key)).flatMap((kind): readonly GroupRule[] => {
      const rule: GroupRule = {
        action: key === 'allowed' ? 'accept' : 'drop',
        proto: protocolOf(text(kind, 'IPProtocol')),
        // Whose account a machine has is not read here: whether the row is about it, nobody can tell.
        from: bound.length > 0 ? [] : from,
        groups: bound.length > 0 ? [] : texts(at(item, 'sourceTags')).map((tag) => `tag ${tag}`),
        ...given('unread', [...accounts, ...bound].length > 0 ? [...accounts, ...bound].join(', ') : undefined),
        priority: number(at(item, 'priority')) ?? 1000,
        ...given('targets', targets.length > 0 ? targets : undefined),
      };
      const ports = texts(at(kind, 'ports'));
      return ports.length === 0
        ? [rule]
        : ports.flatMap((p) => {
            const range = portRange(p) ?? doubts.say(`${place}.${key}.ports`, `not ports: ${p}`);
            return range === undefined ? [] : [{...rule, ports: range}];
          });
    }),
  );
}
