import {at, list, text} from '../../flannel/records/json.js';
import {tryIp} from '../../net/address.js';
import {tryPrefix} from '../../net/prefix.js';
import type {CloudEni, CloudRoute, CloudTable, NextHop} from '../cloud.js';
import {type Doubts, each, given, number, type Shape, texts} from './shape.js';

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
            raw: item,
          };
        });
      }),
      more: (text(data, 'nextPageToken') ?? '') !== '',
    };
  },
};
