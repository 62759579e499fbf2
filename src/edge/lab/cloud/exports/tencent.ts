import type {Prefix} from '../../../../core/net/address.js';
import {lengthOf} from '../../../../core/net/prefix.js';
import type {Fabric} from '../fabric.js';
import {idOf} from '../ids.js';
import {answers, type Exporter, type Exports} from './exporter.js';

/** `tccli vpc DescribeNetworkInterfaces`. */
const interfaces = (...[lab, fabric]: Parameters<Exporter>): Exports['enis'] => ({
  TotalCount: fabric.enis.length,
  NetworkInterfaceSet: fabric.enis.map((eni) => ({
    NetworkInterfaceId: eni.id,
    NetworkInterfaceName: `${eni.port}`,
    NetworkInterfaceDescription: '',
    SubnetId: eni.subnet,
    VpcId: lab.cloud!.vpc.id,
    GroupSet: [eni.group],
    Primary: eni.index === 0,
    MacAddress: eni.mac,
    State: 'AVAILABLE',
    PrivateIpAddressSet: eni.addresses.map((address) => ({
      PrivateIpAddress: address,
      Primary: address === eni.ip,
      PublicIpAddress: '',
      AddressId: '',
      Description: '',
      IsWanIpBlocked: false,
      State: 'AVAILABLE',
    })),
    Attachment: {InstanceId: eni.instance, DeviceIndex: eni.index, InstanceAccountId: '100000000001', AttachTime: '2026-01-01 00:00:00'},
    Zone: 'ap-guangzhou-3',
    Ipv6AddressSet: [],
    TagSet: [],
    EniType: 0,
  })),
  RequestId: '00000000-0000-0000-0000-000000000002',
});

/** `tccli vpc DescribeSecurityGroupPolicies` of each group. */
const policies = ({groups}: Fabric): Exports['groups'] =>
  answers(
    groups,
    (id) => `tccli vpc DescribeSecurityGroupPolicies --SecurityGroupId ${id}`,
    ({from}) => ({
      SecurityGroupPolicySet: {
        Version: '1',
        Egress: [policy(0, '0.0.0.0/0')],
        Ingress: from.map((prefix, n) => policy(n, prefix)),
      },
      RequestId: '00000000-0000-0000-0000-000000000004',
    }),
  );

const policy = (index: number, prefix: Prefix) => ({
  PolicyIndex: index,
  Protocol: 'ALL',
  Port: 'ALL',
  ServiceTemplate: {ServiceId: '', ServiceGroupId: ''},
  CidrBlock: prefix,
  Ipv6CidrBlock: '',
  SecurityGroupId: '',
  AddressTemplate: {AddressId: '', AddressGroupId: ''},
  Action: 'ACCEPT',
  PolicyDescription: '',
  ModifyTime: '2026-01-01 00:00:00',
});

/** `tccli vpc DescribeRouteTables`: one table for each subnet, the first of them the VPC's main. */
const tables = (...[lab, fabric]: Parameters<Exporter>): Exports['routes'] => {
  const {vpc, subnets} = lab.cloud!;
  const address = (table: string, n: number) => Number.parseInt(table.slice(-4), 16) * 16 + n;
  return {
    TotalCount: subnets.length,
    RouteTableSet: subnets.map(({id, routeTable}, i) => ({
      VpcId: vpc.id,
      RouteTableId: routeTable,
      RouteTableName: i === 0 ? 'default' : `subnet-${i + 1}`,
      AssociationSet: [{SubnetId: id, RouteTableId: routeTable}],
      RouteSet: [
        row(0, vpc.prefix, 'LOCAL', 'local', 'NETD', true),
        ...fabric.rows
          .filter((r) => r.table === routeTable)
          .map(({dst, target, state}, n) => {
            const id = address(routeTable, n);
            return target === 'nat'
              ? row(id, dst, 'NAT', idOf('tencent', 'nat', lab.spec.name), 'USER', true)
              : row(id, dst, 'NORMAL_CVM', target, 'USER', state === 'active');
          }),
      ],
      Main: i === 0,
      CreatedTime: '2026-01-01 00:00:00',
      TagSet: [],
    })),
    RequestId: '00000000-0000-0000-0000-000000000001',
  };
};

const row = (id: number, dst: string, type: string, target: string, origin: string, enabled: boolean) => ({
  RouteId: id,
  RouteItemId: `rti-${id.toString(36).padStart(8, '0')}`,
  DestinationCidrBlock: dst,
  DestinationIpv6CidrBlock: '',
  GatewayType: type,
  GatewayId: target,
  RouteDescription: '',
  RouteType: origin,
  Enabled: enabled,
  PublishedToVbc: false,
  CreatedTime: '2026-01-01 00:00:00',
});

export const tencent: Exporter = (lab, fabric) => ({
  routes: tables(lab, fabric),
  enis: interfaces(lab, fabric),
  groups: policies(fabric),
});

/**
 * A cluster of the container service: the rows of its pod network are in a table of its own, for the whole VPC (`tccli tke
 * DescribeClusterRoutes`). Without such rows (VPC-CNI) it is the VPC's tables that are printed.
 */
export const tke: Exporter = (lab, fabric) => {
  const {subnets} = lab.cloud!;
  const rows = fabric.rows.filter((row) => row.table === subnets[0]!.routeTable && lengthOf(row.dst) > 0);
  if (lab.nodes.every((node) => node.pods.every((pod) => pod.attachment !== 'bridge'))) return tencent(lab, fabric);
  return {
    routes: {
      TotalCount: rows.length,
      RouteSet: rows.map(({dst, target}) => ({
        RouteTableName: idOf('tke', 'cluster', lab.spec.name),
        DestinationCidrBlock: dst,
        GatewayIp: target,
      })),
      RequestId: '00000000-0000-0000-0000-000000000003',
    },
    enis: interfaces(lab, fabric),
    groups: policies(fabric),
  };
};
