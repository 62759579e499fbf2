import {at, list, object, text} from '../../flannel/records/json.js';
import {tryIp, tryMac} from '../../net/address.js';
import {tryPrefix} from '../../net/prefix.js';
import type {CloudEni, CloudRoute, CloudSubnet, CloudTable, GroupRule} from '../cloud.js';
import {type Doubts, each, given, number, portRange, protocolOf, type Shape, texts} from './shape.js';

/** `Enabled` is left out of some answers, and then nothing is said. */
const stateOf = (row: unknown): CloudRoute['state'] => {
  const enabled = at(row, 'Enabled');
  return enabled === true ? 'active' : enabled === false ? 'disabled' : 'unknown';
};

const originOf = (row: unknown): CloudRoute['origin'] => {
  const type = text(row, 'RouteType');
  return type === 'USER' ? 'user' : type === undefined ? 'unknown' : 'system';
};

/** A row of a VPC's route table. An IPv6 row has its destination in a field of its own. */
function routeOf(row: unknown, place: string, tableId: string | undefined, doubts: Doubts): readonly CloudRoute[] {
  const six = text(row, 'DestinationIpv6CidrBlock');
  const dst = doubts.prefix(row, six === undefined || six === '' ? 'DestinationCidrBlock' : 'DestinationIpv6CidrBlock', place);
  const type = doubts.text(row, 'GatewayType', place);
  const id = text(row, 'GatewayId') ?? '';
  const table = tableId ?? doubts.text(row, 'RouteTableId', place);
  if (dst === undefined || type === undefined || table === undefined) return [];
  const published = at(row, 'PublishedToVbc');
  return [
    {
      provider: 'tencent',
      tableId: table,
      dst,
      nextHop: {type, id, ...given('ip', tryIp(id))},
      state: stateOf(row),
      origin: originOf(row),
      ...given('published', typeof published === 'boolean' ? published : undefined),
      raw: row,
    },
  ];
}

/** `tccli vpc DescribeRouteTables` */
export const routeTables: Shape = {
  command: 'tccli vpc DescribeRouteTables',
  fits: (data) =>
    Array.isArray(at(data, 'RouteTableSet')) && !list(at(data, 'RouteTableSet')).some((t) => at(t, 'RouteTableCidrBlock') !== undefined),
  read(data, doubts) {
    const found = each(at(data, 'RouteTableSet'), 'RouteTableSet').map(({item, place}) => {
      const id = doubts.text(item, 'RouteTableId', place);
      const main = at(item, 'Main');
      const table: CloudTable = {
        provider: 'tencent',
        id: id ?? '',
        ...given('name', text(item, 'RouteTableName')),
        ...given('vpcId', text(item, 'VpcId')),
        ...given('main', typeof main === 'boolean' ? main : undefined),
        subnets: texts(list(at(item, 'AssociationSet')).map((a) => text(a, 'SubnetId'))),
      };
      const rows = each(at(item, 'RouteSet'), `${place}.RouteSet`);
      return {table, routes: rows.flatMap((row) => routeOf(row.item, row.place, id ?? '', doubts))};
    });
    return {
      tables: found.map((f) => f.table),
      routes: found.flatMap((f) => f.routes),
      listed: found.length,
      ...given('total', number(at(data, 'TotalCount'))),
    };
  },
};

/** `tccli vpc DescribeRoutes`: rows alone, each with its table's id */
export const routes: Shape = {
  command: 'tccli vpc DescribeRoutes',
  fits: (data) => list(at(data, 'RouteSet')).some((row) => at(row, 'GatewayType') !== undefined),
  read(data, doubts) {
    const rows = each(at(data, 'RouteSet'), 'RouteSet');
    return {
      routes: rows.flatMap((row) => routeOf(row.item, row.place, undefined, doubts)),
      listed: rows.length,
      ...given('total', number(at(data, 'TotalCount'))),
    };
  },
};

/** `tccli vpc DescribeGlobalRoutes`: rows of a whole VPC */
export const globalRoutes: Shape = {
  command: 'tccli vpc DescribeGlobalRoutes',
  fits: (data) => Array.isArray(at(data, 'GlobalRouteSet')),
  read(data, doubts) {
    const rows = each(at(data, 'GlobalRouteSet'), 'GlobalRouteSet');
    const found = rows.flatMap(({item, place}) => {
      const vpcId = text(item, 'VpcId') ?? 'vpc';
      return routeOf(item, place, `global routes of ${vpcId}`, doubts).map((route) => ({route, vpcId}));
    });
    const networks = new Map(found.map(({route, vpcId}) => [route.tableId, vpcId]));
    return {
      routes: found.map((f) => f.route),
      tables: [...networks].map(([id, vpcId]): CloudTable => ({provider: 'tencent', id, vpcId, subnets: [], wide: true})),
      listed: rows.length,
      ...given('total', number(at(data, 'TotalCount'))),
    };
  },
};

/** `tccli vpc DescribeCcnRoutes`: what the network between VPCs has been told */
export const ccnRoutes: Shape = {
  command: 'tccli vpc DescribeCcnRoutes',
  fits: (data) => list(at(data, 'RouteSet')).some((row) => at(row, 'InstanceType') !== undefined),
  read(data, doubts) {
    const rows = each(at(data, 'RouteSet'), 'RouteSet');
    const tableId = 'routes of the CCN';
    return {
      tables: [{provider: 'tencent', id: tableId, subnets: [], between: true}],
      routes: rows.flatMap(({item, place}): readonly CloudRoute[] => {
        const dst = doubts.prefix(item, 'DestinationCidrBlock', place);
        const priority = number(at(item, 'RoutePriority'));
        if (dst === undefined) return [];
        const nextHop = {type: text(item, 'InstanceType') ?? 'unknown', id: text(item, 'InstanceId') ?? ''};
        return [
          {
            provider: 'tencent',
            tableId,
            dst,
            nextHop,
            state: stateOf(item),
            origin: 'propagated',
            ...given('priority', priority),
            raw: item,
          },
        ];
      }),
      listed: rows.length,
      ...given('total', number(at(data, 'TotalCount'))),
    };
  },
};

/** `tccli vpc DescribeNetworkInterfaces` */
export const interfaces: Shape = {
  command: 'tccli vpc DescribeNetworkInterfaces',
  fits: (data) => Array.isArray(at(data, 'NetworkInterfaceSet')),
  read(data, doubts) {
    const found = each(at(data, 'NetworkInterfaceSet'), 'NetworkInterfaceSet');
    return {
      enis: found.flatMap(({item, place}): readonly CloudEni[] => {
        const id = doubts.text(item, 'NetworkInterfaceId', place);
        const primary = at(item, 'Primary');
        const addresses = [
          ...each(at(item, 'PrivateIpAddressSet'), `${place}.PrivateIpAddressSet`).map((a) => ({...a, key: 'PrivateIpAddress'})),
          ...each(at(item, 'Ipv6AddressSet'), `${place}.Ipv6AddressSet`).map((a) => ({...a, key: 'Address'})),
        ].flatMap(({item: entry, place: where, key}) => {
          const address = doubts.ip(entry, key, where);
          return address === undefined ? [] : [{address, primary: at(entry, 'Primary') === true}];
        });
        return [
          {
            provider: 'tencent',
            id: id ?? '',
            ...given('mac', tryMac(text(item, 'MacAddress') ?? '')),
            ...given('instanceId', text(item, 'Attachment', 'InstanceId')),
            ...given('deviceIndex', number(at(item, 'Attachment', 'DeviceIndex'))),
            ...given('primary', typeof primary === 'boolean' ? primary : undefined),
            ...given('subnetId', text(item, 'SubnetId')),
            ...given('vpcId', text(item, 'VpcId')),
            ...given('groups', Array.isArray(at(item, 'GroupSet')) ? texts(at(item, 'GroupSet')) : undefined),
            addresses,
            prefixes: [],
            raw: item,
          },
        ];
      }),
      listed: found.length,
      ...given('total', number(at(data, 'TotalCount'))),
    };
  },
};

/** `tccli vpc DescribeSubnets` */
export const subnets: Shape = {
  command: 'tccli vpc DescribeSubnets',
  fits: (data) => Array.isArray(at(data, 'SubnetSet')),
  read(data, doubts) {
    const found = each(at(data, 'SubnetSet'), 'SubnetSet');
    return {
      subnets: found.flatMap(({item, place}): readonly CloudSubnet[] => {
        const id = doubts.text(item, 'SubnetId', place);
        const cidr = doubts.prefix(item, 'CidrBlock', place);
        if (id === undefined || cidr === undefined) return [];
        const {AvailableIpAddressCount: free} = object(item) as {readonly AvailableIpAddressCount?: unknown};
        return [
          {
            provider: 'tencent',
            id,
            cidr,
            ...given('vpcId', text(item, 'VpcId')),
            ...given('tableId', text(item, 'RouteTableId')),
            ...given('freeAddresses', number(free)),
          },
        ];
      }),
      listed: found.length,
      ...given('total', number(at(data, 'TotalCount'))),
    };
  },
};

/**
 * `tccli vpc DescribeSecurityGroupPolicies --SecurityGroupId sg-…`: the answer does not say of which group it is; a field beside it does,
 * which is taken from the file's name when it is opened.
 */
export const groupPolicies: Shape = {
  command: 'tccli vpc DescribeSecurityGroupPolicies',
  fits: (data) => at(data, 'SecurityGroupPolicySet') !== undefined,
  read(data, doubts) {
    const id = text(data, 'SecurityGroupId') ?? '';
    if (id === '') doubts.say('SecurityGroupId', 'the answer does not say of which group it is: name the file after it, sg-….json');
    const where = 'SecurityGroupPolicySet.Ingress';
    const rules = each(at(data, 'SecurityGroupPolicySet', 'Ingress'), where).flatMap(({item, place}) => policy(item, place, doubts));
    return {groups: [{provider: 'tencent', id, ingress: rules}]};
  },
};

/** In the order of their index the first that fits decides. */
function policy(item: unknown, place: string, doubts: Doubts): readonly GroupRule[] {
  const action = text(item, 'Action')?.toUpperCase();
  if (action !== 'ACCEPT' && action !== 'DROP') doubts.say(`${place}.Action`, 'neither ACCEPT nor DROP');
  const named = ['ServiceTemplate', 'AddressTemplate'].flatMap((key) =>
    ['ServiceId', 'ServiceGroupId', 'AddressId', 'AddressGroupId'].flatMap((part) => text(item, key, part) || []),
  );
  const range = [text(item, 'CidrBlock'), text(item, 'Ipv6CidrBlock')].flatMap((value) => value || []);
  const prefixes = range.flatMap((value) => tryPrefix(value) ?? doubts.say(place, `not a prefix: ${JSON.stringify(value)}`) ?? []);
  const group = text(item, 'SecurityGroupId');
  const rule: GroupRule = {
    action: action === 'DROP' ? 'drop' : 'accept',
    proto: protocolOf(text(item, 'Protocol')),
    from: prefixes,
    groups: group ? [group] : [],
    ...given('unread', named.length > 0 ? named.join(', ') : undefined),
    priority: number(at(item, 'PolicyIndex')) ?? 0,
  };
  const port = text(item, 'Port') ?? '';
  if (port === '' || port.toLowerCase() === 'all') return [rule];
  return port.split(',').flatMap((part) => {
    const ports = portRange(part) ?? doubts.say(`${place}.Port`, `not ports: ${JSON.stringify(port)}`);
    return ports === undefined ? [] : [{...rule, ports}];
  });
}
