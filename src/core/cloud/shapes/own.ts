import {at, text} from '../../flannel/records/json.js';
import {tryIp, tryMac} from '../../net/address.js';
import {tryPrefix} from '../../net/prefix.js';
import type {CloudEni, CloudGroup, CloudRoute, CloudSubnet, CloudTable, GroupRule, Provider} from '../cloud.js';
import {type Doubts, each, given, number, portRange, type Shape, texts} from './shape.js';

const providers: readonly Provider[] = ['tencent', 'tke', 'alibaba', 'aws', 'gcp', 'own'];
const states: readonly CloudRoute['state'][] = ['active', 'disabled', 'pending', 'blackhole', 'unknown'];
const origins: readonly CloudRoute['origin'][] = ['user', 'system', 'propagated', 'unknown'];

/** One word of several; what is not there is the first. */
function oneOf<Word extends string>(
  value: unknown,
  key: string,
  words: readonly Word[],
  otherwise: Word,
  place: string,
  doubts: Doubts,
): Word {
  const found = at(value, key);
  if (found === undefined) return otherwise;
  const word = words.find((w) => w === found);
  if (word === undefined) doubts.say(`${place}.${key}`, `not one of ${words.join(', ')}: ${JSON.stringify(found)}`);
  return word ?? otherwise;
}

const flag = (value: unknown, key: string): boolean | undefined => {
  const found = at(value, key);
  return typeof found === 'boolean' ? found : undefined;
};

const providerOf = (item: unknown, data: unknown, place: string, doubts: Doubts): Provider =>
  oneOf(item, 'provider', providers, oneOf(data, 'provider', providers, 'own', 'document', doubts), place, doubts);

function tableOf(item: unknown, id: string, provider: Provider): CloudTable {
  return {
    provider,
    id,
    ...given('name', text(item, 'tableName') ?? text(item, 'name')),
    ...given('vpcId', text(item, 'vpcId')),
    ...given('main', flag(item, 'main')),
    ...given('wide', flag(item, 'wide') ?? (provider === 'tke' || provider === 'gcp' ? true : undefined)),
    ...given('cidr', tryPrefix(text(item, 'cidr') ?? '')),
    subnets: texts(at(item, 'subnets')),
  };
}

/** Written by hand or by the lab: rows in the normal form, and the tables beside them or on the rows themselves. */
export const routes: Shape = {
  command: 'flanctl’s own kind: CloudRoutes',
  fits: (data) => at(data, 'kind') === 'CloudRoutes',
  read(data, doubts) {
    const tables = new Map<string, CloudTable>();
    for (const {item, place} of each(at(data, 'tables'), 'tables')) {
      const id = doubts.text(item, 'id', place);
      if (id !== undefined) tables.set(id, tableOf(item, id, providerOf(item, data, place, doubts)));
    }
    if (!Array.isArray(at(data, 'routes'))) doubts.say('routes', 'not a list');
    const rows = each(at(data, 'routes'), 'routes').flatMap(({item, place}): readonly CloudRoute[] => {
      const provider = providerOf(item, data, place, doubts);
      const tableId = text(item, 'tableId') ?? 'routes';
      if (!tables.has(tableId)) tables.set(tableId, tableOf(item, tableId, provider));
      const dst = doubts.prefix(item, 'dst', place);
      const id = doubts.text(at(item, 'nextHop'), 'id', `${place}.nextHop`);
      if (dst === undefined || id === undefined) return [];
      const hop = at(item, 'nextHop');
      return [
        {
          provider,
          tableId,
          dst,
          nextHop: {
            type: text(hop, 'type') ?? 'node',
            id,
            ...given('ip', tryIp(text(hop, 'ip') ?? id)),
            ...given('instanceId', text(hop, 'instanceId')),
            ...given('node', text(hop, 'node')),
          },
          state: oneOf(item, 'state', states, 'active', place, doubts),
          origin: oneOf(item, 'origin', origins, 'user', place, doubts),
          ...given('priority', number(at(item, 'priority'))),
          ...given('tags', at(item, 'tags') === undefined ? undefined : texts(at(item, 'tags'))),
          ...given('published', flag(item, 'published')),
          raw: item,
        },
      ];
    });
    return {routes: rows, tables: [...tables.values()]};
  },
};

/** Interfaces in the normal form, and subnets where somebody lists them. */
export const interfaces: Shape = {
  command: 'flanctl’s own kind: CloudEnis',
  fits: (data) => at(data, 'kind') === 'CloudEnis',
  read(data, doubts) {
    if (!Array.isArray(at(data, 'enis'))) doubts.say('enis', 'not a list');
    return {
      enis: each(at(data, 'enis'), 'enis').map(({item, place}): CloudEni => {
        const addresses = each(at(item, 'addresses'), `${place}.addresses`).flatMap((entry, index) => {
          const value = typeof entry.item === 'string' ? entry.item : (text(entry.item, 'address') ?? '');
          const address = tryIp(value);
          if (address === undefined) doubts.say(entry.place, `not an IP address: ${JSON.stringify(value)}`);
          const primary = flag(entry.item, 'primary') ?? (typeof entry.item === 'string' && index === 0);
          return address === undefined ? [] : [{address, primary}];
        });
        return {
          provider: providerOf(item, data, place, doubts),
          id: doubts.text(item, 'id', place) ?? '',
          ...given('mac', tryMac(text(item, 'mac') ?? '')),
          ...given('instanceId', text(item, 'instanceId')),
          ...given('node', text(item, 'node')),
          ...given('primary', flag(item, 'primary')),
          ...given('deviceIndex', number(at(item, 'deviceIndex'))),
          ...given('subnetId', text(item, 'subnetId')),
          ...given('vpcId', text(item, 'vpcId')),
          addresses,
          prefixes: texts(at(item, 'prefixes')).flatMap((p) => tryPrefix(p) ?? []),
          ...given('groups', at(item, 'groups') === undefined ? undefined : texts(at(item, 'groups'))),
          ...given('sourceDestCheck', flag(item, 'sourceDestCheck')),
          raw: item,
        };
      }),
      subnets: each(at(data, 'subnets'), 'subnets').flatMap(({item, place}): readonly CloudSubnet[] => {
        const id = doubts.text(item, 'id', place);
        const cidr = doubts.prefix(item, 'cidr', place);
        if (id === undefined || cidr === undefined) return [];
        return [
          {
            provider: providerOf(item, data, place, doubts),
            id,
            cidr,
            ...given('vpcId', text(item, 'vpcId')),
            ...given('tableId', text(item, 'tableId')),
            ...given('freeAddresses', number(at(item, 'freeAddresses'))),
          },
        ];
      }),
    };
  },
};

/** Security groups in the normal form: `from` prefixes, `groups` ids, `ports` as `80` or `8000-8010`. */
export const groups: Shape = {
  command: 'flanctl’s own kind: CloudGroups',
  fits: (data) => at(data, 'kind') === 'CloudGroups',
  read(data, doubts) {
    if (!Array.isArray(at(data, 'groups'))) doubts.say('groups', 'not a list');
    return {
      groups: each(at(data, 'groups'), 'groups').map(
        ({item, place}): CloudGroup => ({
          provider: providerOf(item, data, place, doubts),
          id: doubts.text(item, 'id', place) ?? '',
          ingress: each(at(item, 'ingress'), `${place}.ingress`).map(({item: rule, place: where}): GroupRule => {
            const ports = text(rule, 'ports');
            const range =
              ports === undefined ? undefined : (portRange(ports) ?? doubts.say(`${where}.ports`, 'not ports such as 80 or 8000-8010'));
            return {
              action: oneOf(rule, 'action', ['accept', 'drop'], 'accept', where, doubts),
              proto: text(rule, 'proto')?.toLowerCase() ?? 'all',
              ...given('ports', range),
              from: each(at(rule, 'from'), `${where}.from`).flatMap(
                (p) =>
                  (typeof p.item === 'string' ? tryPrefix(p.item) : undefined) ??
                  doubts.say(p.place, 'not a prefix such as 10.244.0.0/16') ??
                  [],
              ),
              groups: texts(at(rule, 'groups')),
              priority: number(at(rule, 'priority')) ?? 0,
            };
          }),
        }),
      ),
    };
  },
};
