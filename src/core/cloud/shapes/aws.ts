import {at, list, text} from '../../flannel/records/json.js';
import {tryMac} from '../../net/address.js';
import {tryPrefix} from '../../net/prefix.js';
import type {CloudEni, CloudGroup, CloudRoute, CloudSubnet, CloudTable, GroupRule, NextHop} from '../cloud.js';
import {type Doubts, each, given, number, protocolOf, type Shape, texts} from './shape.js';

const origins: Readonly<Record<string, CloudRoute['origin']>> = {
  CreateRoute: 'user',
  CreateRouteTable: 'system',
  EnableVgwRoutePropagation: 'propagated',
  Advertisement: 'propagated',
};

/** Where a row may lead, by the field that says so; an instance is named beside the interface that is meant. */
const targets = [
  'NetworkInterfaceId',
  'InstanceId',
  'NatGatewayId',
  'TransitGatewayId',
  'VpcPeeringConnectionId',
  'EgressOnlyInternetGatewayId',
  'LocalGatewayId',
  'CarrierGatewayId',
  'CoreNetworkArn',
  'OdbNetworkArn',
  'GatewayId',
] as const;

function nextHopOf(row: unknown): NextHop {
  const field = targets.find((key) => (text(row, key) ?? '') !== '');
  if (field === undefined) return {type: 'none', id: ''};
  const id = text(row, field)!;
  if (field === 'GatewayId' && id === 'local') return {type: 'local', id};
  const instanceId = text(row, 'InstanceId');
  return {type: field.replace(/(Id|Arn)$/, ''), id, ...given('instanceId', instanceId === '' ? undefined : instanceId)};
}

function routeOf(row: unknown, place: string, tableId: string, doubts: Doubts): readonly CloudRoute[] {
  // What a prefix list holds is not in this export; the gateway endpoints that have one are never a way to pods.
  if ((text(row, 'DestinationPrefixListId') ?? '') !== '') return [];
  const six = (text(row, 'DestinationIpv6CidrBlock') ?? '') !== '';
  const dst = doubts.prefix(row, six ? 'DestinationIpv6CidrBlock' : 'DestinationCidrBlock', place);
  if (dst === undefined) return [];
  const state = text(row, 'State');
  return [
    {
      provider: 'aws',
      tableId,
      dst,
      nextHop: nextHopOf(row),
      state: state === 'active' || state === 'blackhole' ? state : 'unknown',
      origin: origins[text(row, 'Origin') ?? ''] ?? 'unknown',
      raw: row,
    },
  ];
}

/** `aws ec2 describe-route-tables` */
export const routeTables: Shape = {
  command: 'aws ec2 describe-route-tables',
  fits: (data) => Array.isArray(at(data, 'RouteTables')),
  read(data, doubts) {
    const found = each(at(data, 'RouteTables'), 'RouteTables').map(({item, place}) => {
      const associations = list(at(item, 'Associations'));
      const name = list(at(item, 'Tags')).find((tag) => text(tag, 'Key') === 'Name');
      const table: CloudTable = {
        provider: 'aws',
        id: doubts.text(item, 'RouteTableId', place) ?? '',
        ...given('name', text(name, 'Value')),
        ...given('vpcId', text(item, 'VpcId')),
        main: associations.some((a) => at(a, 'Main') === true),
        subnets: texts(associations.map((a) => text(a, 'SubnetId'))),
      };
      const rows = each(at(item, 'Routes'), `${place}.Routes`);
      return {table, routes: rows.flatMap((row) => routeOf(row.item, row.place, table.id, doubts))};
    });
    return {tables: found.map((f) => f.table), routes: found.flatMap((f) => f.routes), more: (text(data, 'NextToken') ?? '') !== ''};
  },
};

/** `aws ec2 describe-network-interfaces` */
export const interfaces: Shape = {
  command: 'aws ec2 describe-network-interfaces',
  fits: (data) => Array.isArray(at(data, 'NetworkInterfaces')),
  read(data, doubts) {
    return {
      enis: each(at(data, 'NetworkInterfaces'), 'NetworkInterfaces').map(({item, place}): CloudEni => {
        const index = number(at(item, 'Attachment', 'DeviceIndex'));
        const check = at(item, 'SourceDestCheck');
        const addresses = [
          ...each(at(item, 'PrivateIpAddresses'), `${place}.PrivateIpAddresses`).map((a) => ({...a, key: 'PrivateIpAddress'})),
          ...each(at(item, 'Ipv6Addresses'), `${place}.Ipv6Addresses`).map((a) => ({...a, key: 'Ipv6Address'})),
        ];
        return {
          provider: 'aws',
          id: doubts.text(item, 'NetworkInterfaceId', place) ?? '',
          ...given('mac', tryMac(text(item, 'MacAddress') ?? '')),
          ...given('instanceId', text(item, 'Attachment', 'InstanceId')),
          ...given('deviceIndex', index),
          ...given('primary', index === undefined ? undefined : index === 0),
          ...given('subnetId', text(item, 'SubnetId')),
          ...given('vpcId', text(item, 'VpcId')),
          addresses: addresses.flatMap(({item: entry, place: where, key}) => {
            const address = doubts.ip(entry, key, where);
            return address === undefined ? [] : [{address, primary: at(entry, 'Primary') === true}];
          }),
          prefixes: [
            ...list(at(item, 'Ipv4Prefixes')).map((p) => text(p, 'Ipv4Prefix')),
            ...list(at(item, 'Ipv6Prefixes')).map((p) => text(p, 'Ipv6Prefix')),
          ].flatMap((value) => tryPrefix(value ?? '') ?? []),
          ...given(
            'groups',
            Array.isArray(at(item, 'Groups')) ? texts(list(at(item, 'Groups')).map((g) => text(g, 'GroupId'))) : undefined,
          ),
          ...given('sourceDestCheck', typeof check === 'boolean' ? check : undefined),
          raw: item,
        };
      }),
      more: (text(data, 'NextToken') ?? '') !== '',
    };
  },
};

/** `aws ec2 describe-subnets` */
export const subnets: Shape = {
  command: 'aws ec2 describe-subnets',
  fits: (data) => Array.isArray(at(data, 'Subnets')),
  read(data, doubts) {
    return {
      subnets: each(at(data, 'Subnets'), 'Subnets').flatMap(({item, place}): readonly CloudSubnet[] => {
        const id = doubts.text(item, 'SubnetId', place);
        const cidr = doubts.prefix(item, 'CidrBlock', place);
        if (id === undefined || cidr === undefined) return [];
        return [
          {
            provider: 'aws',
            id,
            cidr,
            ...given('vpcId', text(item, 'VpcId')),
            ...given('freeAddresses', number(at(item, 'AvailableIpAddressCount'))),
          },
        ];
      }),
      more: (text(data, 'NextToken') ?? '') !== '',
    };
  },
};

/** `aws ec2 describe-security-groups`: what they let in; what nothing lets in is dropped */
export const securityGroups: Shape = {
  command: 'aws ec2 describe-security-groups',
  fits: (data) => Array.isArray(at(data, 'SecurityGroups')),
  read(data, doubts) {
    return {
      groups: each(at(data, 'SecurityGroups'), 'SecurityGroups').map(
        ({item, place}): CloudGroup => ({
          provider: 'aws',
          id: doubts.text(item, 'GroupId', place) ?? '',
          ingress: each(at(item, 'IpPermissions'), `${place}.IpPermissions`).map((p) => permission(p.item, p.place, doubts)),
        }),
      ),
      more: (text(data, 'NextToken') ?? '') !== '',
    };
  },
};

function permission(item: unknown, place: string, doubts: Doubts): GroupRule {
  const proto = protocolOf(doubts.text(item, 'IpProtocol', place));
  const [first, last] = [number(at(item, 'FromPort')), number(at(item, 'ToPort'))];
  const ports = (proto === 'tcp' || proto === 'udp') && first !== undefined && last !== undefined;
  const ranges = [
    ...each(at(item, 'IpRanges'), `${place}.IpRanges`).map((r) => doubts.prefix(r.item, 'CidrIp', r.place)),
    ...each(at(item, 'Ipv6Ranges'), `${place}.Ipv6Ranges`).map((r) => doubts.prefix(r.item, 'CidrIpv6', r.place)),
  ];
  const lists = texts(list(at(item, 'PrefixListIds')).map((l) => text(l, 'PrefixListId')));
  return {
    action: 'accept',
    proto,
    ...(ports && {ports: [first, last] as const}),
    from: ranges.flatMap((r) => r ?? []),
    groups: texts(list(at(item, 'UserIdGroupPairs')).map((g) => text(g, 'GroupId'))),
    ...given('unread', lists.length > 0 ? lists.join(', ') : undefined),
    priority: 0,
  };
}
