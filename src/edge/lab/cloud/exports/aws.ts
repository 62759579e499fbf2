import {idOf} from '../ids.js';
import type {Exporter} from './exporter.js';

/** `aws ec2 describe-route-tables`, `describe-network-interfaces` and `describe-security-groups`. */
export const aws: Exporter = (lab, {rows, enis, groups}) => {
  const {vpc, subnets} = lab.cloud!;
  const owner = '100000000001';
  return {
    routes: {
      RouteTables: subnets.map(({id, routeTable}, i) => ({
        Associations: [
          ...(i === 0 ? [{Main: true, RouteTableAssociationId: `rtbassoc-${routeTable.slice(4)}`, RouteTableId: routeTable}] : []),
          {Main: false, RouteTableAssociationId: `rtbassoc-${id.slice(7)}`, RouteTableId: routeTable, SubnetId: id},
        ],
        PropagatingVgws: [],
        RouteTableId: routeTable,
        Routes: [
          {DestinationCidrBlock: vpc.prefix, GatewayId: 'local', Origin: 'CreateRouteTable', State: 'active'},
          ...rows
            .filter((row) => row.table === routeTable)
            .map(({dst, target, state}) => {
              if (target === 'nat')
                return {DestinationCidrBlock: dst, NatGatewayId: idOf('aws', 'nat', lab.spec.name), Origin: 'CreateRoute', State: 'active'};
              const eni = enis.find((one) => one.addresses.includes(target));
              return {
                DestinationCidrBlock: dst,
                ...(eni && {InstanceId: eni.instance, InstanceOwnerId: owner}),
                NetworkInterfaceId: eni?.id ?? idOf('aws', 'eni', lab.spec.name, target),
                Origin: 'CreateRoute',
                State: eni && state === 'active' ? 'active' : 'blackhole',
              };
            }),
        ],
        Tags: [],
        VpcId: vpc.id,
        OwnerId: owner,
      })),
    },
    enis: {
      NetworkInterfaces: enis.map((eni) => ({
        NetworkInterfaceId: eni.id,
        MacAddress: eni.mac,
        Description: eni.index === 0 ? '' : `aws-K8S-${eni.instance}`,
        InterfaceType: 'interface',
        OwnerId: owner,
        PrivateIpAddress: eni.ip,
        PrivateIpAddresses: eni.addresses.map((address) => ({Primary: address === eni.ip, PrivateIpAddress: address})),
        Ipv4Prefixes: [],
        Ipv6Addresses: [],
        Groups: groups.filter(({id}) => id === eni.group).map(({id, name}) => ({GroupName: name, GroupId: id})),
        Attachment: {
          AttachmentId: `eni-attach-${eni.id.slice(4)}`,
          InstanceId: eni.instance,
          DeviceIndex: eni.index,
          NetworkCardIndex: 0,
          Status: 'attached',
        },
        SourceDestCheck: eni.unchecked !== true,
        Status: 'in-use',
        SubnetId: eni.subnet,
        VpcId: vpc.id,
        TagSet: [],
      })),
    },
    groups: {
      SecurityGroups: groups.map(({id, name, from}) => ({
        GroupId: id,
        GroupName: name,
        Description: name,
        OwnerId: owner,
        VpcId: vpc.id,
        IpPermissions: [
          {IpProtocol: '-1', UserIdGroupPairs: [], IpRanges: from.map((prefix) => ({CidrIp: prefix})), Ipv6Ranges: [], PrefixListIds: []},
        ],
        IpPermissionsEgress: [
          {IpProtocol: '-1', UserIdGroupPairs: [], IpRanges: [{CidrIp: '0.0.0.0/0'}], Ipv6Ranges: [], PrefixListIds: []},
        ],
      })),
    },
  };
};
