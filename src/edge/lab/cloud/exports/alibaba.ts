import {idOf} from '../ids.js';
import {answers, type Exporter} from './exporter.js';

/** `aliyun vpc DescribeRouteEntryList` of the system table, `aliyun ecs DescribeNetworkInterfaces`, `aliyun ecs DescribeSecurityGroupAttribute`. */
export const alibaba: Exporter = (lab, {rows, enis, groups}) => {
  const {vpc, subnets} = lab.cloud!;
  const table = subnets[0]!.routeTable;
  const entry = (n: number, dst: string, custom: boolean, active: boolean, type: string, id: string) => ({
    RouteTableId: table,
    RouteEntryId: `rte-bp1${n.toString().padStart(17, '0')}`,
    RouteEntryName: '',
    Description: '',
    DestinationCidrBlock: dst,
    Type: custom ? 'Custom' : 'System',
    Status: active ? 'Available' : 'Pending',
    IpVersion: 'IPv4',
    NextHops: {NextHop: [{NextHopType: type, NextHopId: id, Enabled: active ? 1 : 0, Weight: 0}]},
  });
  return {
    routes: {
      RequestId: '00000000-0000-0000-0000-000000000004',
      NextToken: '',
      RouteEntrys: {
        RouteEntry: [
          ...subnets.map(({prefix}, n) => entry(n, prefix, false, true, 'local', '')),
          ...rows
            .filter((row) => row.table === table)
            .map(({dst, target, state}, n) =>
              target === 'nat'
                ? entry(n + 100, dst, true, true, 'NatGateway', idOf('alibaba', 'nat', lab.spec.name))
                : entry(
                    n + 100,
                    dst,
                    true,
                    state === 'active',
                    'Instance',
                    enis.find((eni) => eni.addresses.includes(target))?.instance ?? idOf('alibaba', 'instance', lab.spec.name, target),
                  ),
            ),
        ],
      },
    },
    enis: {
      RequestId: '00000000-0000-0000-0000-000000000005',
      NextToken: '',
      TotalCount: enis.length,
      NetworkInterfaceSets: {
        NetworkInterfaceSet: enis.map((eni) => ({
          NetworkInterfaceId: eni.id,
          MacAddress: eni.mac,
          InstanceId: eni.instance,
          Type: eni.index === 0 ? 'Primary' : 'Secondary',
          Status: 'InUse',
          VpcId: vpc.id,
          VSwitchId: eni.subnet,
          PrivateIpAddress: eni.ip,
          PrivateIpSets: {
            PrivateIpSet: eni.addresses.map((address) => ({PrivateIpAddress: address, Primary: address === eni.ip})),
          },
          SecurityGroupIds: {SecurityGroupId: [eni.group]},
        })),
      },
    },
    groups: answers(
      groups,
      (id) => `aliyun ecs DescribeSecurityGroupAttribute --SecurityGroupId ${id}`,
      ({id, name, from}) => ({
        RequestId: '00000000-0000-0000-0000-000000000006',
        RegionId: 'cn-hangzhou',
        VpcId: vpc.id,
        SecurityGroupId: id,
        SecurityGroupName: name,
        Description: '',
        InnerAccessPolicy: 'Drop',
        Permissions: {
          Permission: from.map((prefix) => ({
            ...{Direction: 'ingress', Policy: 'Accept', Priority: '1', IpProtocol: 'ALL', PortRange: '-1/-1', NicType: 'intranet'},
            ...{SourceCidrIp: prefix, SourceGroupId: '', SourcePrefixListId: '', Ipv6SourceCidrIp: '', Description: ''},
          })),
        },
      }),
    ),
  };
};
