import {at, list, text} from '../../flannel/records/json.js';
import {type Mac, tryIp, tryMac} from '../../net/address.js';
import {tryPrefix} from '../../net/prefix.js';
import type {CloudEni, CloudRoute, CloudSubnet, CloudTable, GroupRule} from '../cloud.js';
import {type Doubts, each, given, number, portRange, protocolOf, type Shape, texts} from './shape.js';

const states: Readonly<Record<string, CloudRoute['state']>> = {
  Available: 'active',
  Pending: 'pending',
  Creating: 'pending',
  Modifying: 'pending',
};
const origins: Readonly<Record<string, CloudRoute['origin']>> = {
  Custom: 'user',
  System: 'system',
  CEN: 'propagated',
  BGP: 'propagated',
  ECR: 'propagated',
};

/** A row, once for each of its next hops: they share what it is for. */
function routesOf(row: unknown, place: string, tableId: string, doubts: Doubts): readonly CloudRoute[] {
  const dst = doubts.prefix(row, 'DestinationCidrBlock', place);
  if (dst === undefined) return [];
  const state = states[text(row, 'Status') ?? ''] ?? 'unknown';
  const origin = origins[text(row, 'Type') ?? ''] ?? 'unknown';
  const several = list(at(row, 'NextHops', 'NextHop'));
  const hops = several.length > 0 ? several : [row];
  return hops.map((hop): CloudRoute => {
    const type = text(hop, 'NextHopType') ?? 'unknown';
    const id = text(hop, 'NextHopId') ?? text(hop, 'InstanceId') ?? '';
    const instanceId = text(hop, 'NextHopRelatedInfo', 'InstanceId');
    const off = at(hop, 'Enabled') === 0 || at(hop, 'Enabled') === '0' || at(hop, 'Enabled') === false;
    return {
      provider: 'alibaba',
      tableId,
      dst,
      // Its system rows name no next hop, or the network itself.
      nextHop: {
        type: origin === 'system' && id === '' ? 'local' : type,
        id,
        ...given('ip', tryIp(id)),
        ...given('instanceId', instanceId === undefined || instanceId === '' ? undefined : instanceId),
      },
      state: off ? 'disabled' : state,
      origin,
      raw: row,
    };
  });
}

/** A list that the API wraps in an object of one field. */
const wrapped = (value: unknown, key: string): readonly unknown[] => (Array.isArray(value) ? value : list(at(value, key)));

/** `aliyun vpc DescribeRouteEntryList` */
export const routeEntryList: Shape = {
  command: 'aliyun vpc DescribeRouteEntryList',
  fits: (data) => at(data, 'RouteEntrys', 'RouteEntry') !== undefined,
  read(data, doubts) {
    const rows = each(at(data, 'RouteEntrys', 'RouteEntry'), 'RouteEntrys.RouteEntry');
    return {
      routes: rows.flatMap(({item, place}) => routesOf(item, place, doubts.text(item, 'RouteTableId', place) ?? '', doubts)),
      more: (text(data, 'NextToken') ?? '') !== '',
    };
  },
};

/** `aliyun vpc DescribeRouteTables`, which is older and has both in one */
export const routeTables: Shape = {
  command: 'aliyun vpc DescribeRouteTables',
  fits: (data) => at(data, 'RouteTables', 'RouteTable') !== undefined,
  read(data, doubts) {
    const found = each(at(data, 'RouteTables', 'RouteTable'), 'RouteTables.RouteTable').map(({item, place}) => {
      const table = tableOf(item, place, doubts);
      const rows = each(at(item, 'RouteEntrys', 'RouteEntry'), `${place}.RouteEntrys.RouteEntry`);
      return {table, routes: rows.flatMap((row) => routesOf(row.item, row.place, table.id, doubts))};
    });
    return {
      tables: found.map((f) => f.table),
      routes: found.flatMap((f) => f.routes),
      listed: found.length,
      ...given('total', number(at(data, 'TotalCount'))),
    };
  },
};

/** `aliyun vpc DescribeRouteTableList`: whom each table serves */
export const routeTableList: Shape = {
  command: 'aliyun vpc DescribeRouteTableList',
  fits: (data) => at(data, 'RouterTableList', 'RouterTableListType') !== undefined,
  read(data, doubts) {
    const found = each(at(data, 'RouterTableList', 'RouterTableListType'), 'RouterTableList.RouterTableListType');
    return {
      tables: found.map(({item, place}) => tableOf(item, place, doubts)),
      listed: found.length,
      ...given('total', number(at(data, 'TotalCount'))),
    };
  },
};

function tableOf(item: unknown, place: string, doubts: Doubts): CloudTable {
  const name = text(item, 'RouteTableName');
  const type = text(item, 'RouteTableType');
  return {
    provider: 'alibaba',
    id: doubts.text(item, 'RouteTableId', place) ?? '',
    ...given('name', name === '' ? undefined : name),
    ...given('vpcId', text(item, 'VpcId')),
    ...given('main', type === undefined ? undefined : type === 'System'),
    subnets: texts(wrapped(at(item, 'VSwitchIds'), 'VSwitchId')),
  };
}

/** `aliyun ecs DescribeNetworkInterfaces` */
export const interfaces: Shape = {
  command: 'aliyun ecs DescribeNetworkInterfaces',
  fits: (data) => at(data, 'NetworkInterfaceSets', 'NetworkInterfaceSet') !== undefined,
  read(data, doubts) {
    const found = each(at(data, 'NetworkInterfaceSets', 'NetworkInterfaceSet'), 'NetworkInterfaceSets.NetworkInterfaceSet');
    return {
      enis: found.map(({item, place}): CloudEni => {
        const type = text(item, 'Type');
        const instanceId = text(item, 'InstanceId');
        return {
          provider: 'alibaba',
          id: doubts.text(item, 'NetworkInterfaceId', place) ?? '',
          ...given('mac', macOf(text(item, 'MacAddress'))),
          ...given('instanceId', instanceId === '' ? undefined : instanceId),
          ...given('primary', type === undefined ? undefined : type === 'Primary'),
          ...given('subnetId', text(item, 'VSwitchId')),
          ...given('vpcId', text(item, 'VpcId')),
          addresses: addressesOf(item, place, doubts),
          ...given('groups', groupsOf(item)),
          prefixes: list(at(item, 'Ipv4PrefixSets', 'Ipv4PrefixSet')).flatMap((p) => tryPrefix(text(p, 'Ipv4Prefix') ?? '') ?? []),
          raw: item,
        };
      }),
      more: (text(data, 'NextToken') ?? '') !== '',
    };
  },
};

function addressesOf(item: unknown, place: string, doubts: Doubts): CloudEni['addresses'] {
  const where = `${place}.PrivateIpSets.PrivateIpSet`;
  const found = each(at(item, 'PrivateIpSets', 'PrivateIpSet'), where).flatMap((entry) => {
    const address = doubts.ip(entry.item, 'PrivateIpAddress', entry.place);
    return address === undefined ? [] : [{address, primary: at(entry.item, 'Primary') === true}];
  });
  const first = tryIp(text(item, 'PrivateIpAddress') ?? '');
  return found.length > 0 || first === undefined ? found : [{address: first, primary: true}];
}

const macOf = (value: string | undefined): Mac | undefined => tryMac((value ?? '').replaceAll('-', ':'));

/** `aliyun vpc DescribeVSwitches` */
export const subnets: Shape = {
  command: 'aliyun vpc DescribeVSwitches',
  fits: (data) => at(data, 'VSwitches', 'VSwitch') !== undefined,
  read(data, doubts) {
    const found = each(at(data, 'VSwitches', 'VSwitch'), 'VSwitches.VSwitch');
    return {
      subnets: found.flatMap(({item, place}): readonly CloudSubnet[] => {
        const id = doubts.text(item, 'VSwitchId', place);
        const cidr = doubts.prefix(item, 'CidrBlock', place);
        if (id === undefined || cidr === undefined) return [];
        return [
          {
            provider: 'alibaba',
            id,
            cidr,
            ...given('vpcId', text(item, 'VpcId')),
            ...given('tableId', text(item, 'RouteTable', 'RouteTableId')),
            ...given('freeAddresses', number(at(item, 'AvailableIpAddressCount'))),
          },
        ];
      }),
      listed: found.length,
      ...given('total', number(at(data, 'TotalCount'))),
    };
  },
};

const groupsOf = (item: unknown): readonly string[] | undefined =>
  at(item, 'SecurityGroupIds') === undefined ? undefined : texts(wrapped(at(item, 'SecurityGroupIds'), 'SecurityGroupId'));

/** `aliyun ecs DescribeSecurityGroupAttribute`: one group with what it lets in */
export const groupAttribute: Shape = {
  command: 'aliyun ecs DescribeSecurityGroupAttribute',
  fits: (data) => at(data, 'Permissions') !== undefined && at(data, 'SecurityGroupId') !== undefined,
  read(data, doubts) {
    const id = doubts.text(data, 'SecurityGroupId', 'document') ?? '';
    const rules = each(wrapped(at(data, 'Permissions'), 'Permission'), 'Permissions.Permission').flatMap(({item, place}) =>
      text(item, 'Direction') === 'egress' ? [] : [permission(item, place, doubts)],
    );
    // Who shares a group of the basic kind is let in without any rule.
    const inner: GroupRule = {action: 'accept', proto: 'all', from: [], groups: [id], priority: 0};
    const shares = text(data, 'InnerAccessPolicy')?.toLowerCase() === 'accept';
    return {groups: [{provider: 'alibaba', id, ingress: [...(shares ? [inner] : []), ...rules]}]};
  },
};

function permission(item: unknown, place: string, doubts: Doubts): GroupRule {
  const sources = ['SourceCidrIp', 'Ipv6SourceCidrIp'].flatMap((key) => text(item, key) || []);
  const prefixes = sources.flatMap((value) => tryPrefix(value) ?? doubts.say(place, `not a prefix: ${JSON.stringify(value)}`) ?? []);
  const [group, list] = [text(item, 'SourceGroupId'), text(item, 'SourcePrefixListId')];
  return {
    action: text(item, 'Policy')?.toLowerCase() === 'drop' ? 'drop' : 'accept',
    proto: protocolOf(text(item, 'IpProtocol')),
    // -1/-1 is all of them.
    ...given('ports', portRange(text(item, 'PortRange') ?? '')),
    from: prefixes,
    groups: group ? [group] : [],
    ...given('unread', list || undefined),
    priority: number(at(item, 'Priority')) ?? 1,
  };
}
