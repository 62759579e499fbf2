import {expect, test} from 'vitest';
import {chosen, holderOf, subnetOf} from '../../src/core/cloud/choose.js';
import type {Cloud} from '../../src/core/cloud/cloud.js';
import {readCloud} from '../../src/core/cloud/read.js';

const cloudOf = (routes: unknown, enis?: unknown): Cloud =>
  readCloud({routes: [{from: 'routes.json', data: routes}], ...(enis !== undefined && {enis: [{from: 'enis.json', data: enis}]})});

const ways = (cloud: Cloud, sender: string, dst: string): string => {
  const choice = chosen(cloud, {address: sender}, dst);
  if (choice.kind === 'unknown') return `unknown: ${choice.because}`;
  return choice.kind === 'rows' ? choice.rows.map((r) => `${r.dst} ${r.nextHop.id} ${r.state}`).join(' + ') : choice.kind;
};

const row = (dst: string, id: string, more: object = {}) => ({
  DestinationCidrBlock: dst,
  GatewayType: 'NORMAL_CVM',
  GatewayId: id,
  Enabled: true,
  ...more,
});
const tencent = (tables: object[]) => ({RouteTableSet: tables});
const table = (id: string, rows: object[], {main = false, subnets = [] as string[]} = {}) => ({
  RouteTableId: id,
  VpcId: 'vpc-1',
  Main: main,
  AssociationSet: subnets.map((SubnetId) => ({SubnetId})),
  RouteSet: rows,
});
const enis = {
  NetworkInterfaceSet: [
    {
      NetworkInterfaceId: 'eni-1',
      SubnetId: 'subnet-a',
      VpcId: 'vpc-1',
      PrivateIpAddressSet: [{PrivateIpAddress: '10.0.0.21', Primary: true}],
    },
    {
      NetworkInterfaceId: 'eni-2',
      SubnetId: 'subnet-b',
      VpcId: 'vpc-1',
      PrivateIpAddressSet: [{PrivateIpAddress: '10.0.1.60', Primary: true}],
    },
  ],
};

test('Tencent: the longest prefix of the subnet’s own table, else of the main one; disabled rows are out, twins share', () => {
  const cloud = cloudOf(
    tencent([
      table('rtb-main', [row('0.0.0.0/0', 'nat-1', {GatewayType: 'NAT'})], {main: true}),
      table(
        'rtb-a',
        [row('10.100.14.0/24', '10.0.0.21'), row('10.100.14.0/24', '10.0.0.9'), row('10.100.14.64/26', '10.0.0.7', {Enabled: false})],
        {
          subnets: ['subnet-a'],
        },
      ),
    ]),
    enis,
  );
  expect(ways(cloud, '10.0.0.21', '10.100.14.70')).toBe('10.100.14.0/24 10.0.0.21 active + 10.100.14.0/24 10.0.0.9 active');
  expect(ways(cloud, '10.0.1.60', '10.100.14.70')).toBe('0.0.0.0/0 nat-1 active');
  expect(ways(cloud, '10.0.0.21', '10.100.15.1')).toBe('none');
  expect(ways(cloud, '10.0.0.21', '10.0.1.60')).toBe('local');
  expect(subnetOf(cloud, '10.0.1.60')).toBe('subnet-b');
  expect(holderOf(cloud, '10.0.1.61')).toBeUndefined();
});

test('whose table it is that nobody says is told only where every table leads the same way', () => {
  const differ = cloudOf(tencent([table('rtb-a', [row('10.100.14.0/24', '10.0.0.21')]), table('rtb-b', [])]));
  expect(ways(differ, '10.0.0.22', '10.100.14.3')).toBe(
    'unknown: the subnet of 10.0.0.22 is not known: the tables rtb-a, rtb-b lead 10.100.14.3 different ways',
  );
  expect(ways(differ, '10.0.0.22', '10.100.15.3')).toBe('none');
  const same = cloudOf(
    tencent([table('rtb-a', [row('10.100.14.0/24', '10.0.0.21')]), table('rtb-b', [row('10.100.14.0/24', '10.0.0.21')])]),
  );
  expect(ways(same, '10.0.0.22', '10.100.14.3')).toBe('10.100.14.0/24 10.0.0.21 active');
  const unserved = cloudOf(tencent([table('rtb-a', [row('10.100.14.0/24', '10.0.0.21')], {subnets: ['subnet-b']})]), enis);
  expect(ways(unserved, '10.0.0.21', '10.100.14.3')).toBe(
    'unknown: the sender is in subnet-a, and none of the tables given (rtb-a) serves it',
  );
});

test('Global Router: the cluster’s table serves the whole network, and what it has no row for falls to the network', () => {
  const cloud = cloudOf({
    RouteSet: [
      {RouteTableName: 'cls-1', DestinationCidrBlock: '172.20.0.0/26', GatewayIp: '10.0.0.29'},
      {RouteTableName: 'cls-1', DestinationCidrBlock: '172.20.0.64/26', GatewayIp: '10.0.0.37'},
    ],
  });
  expect(ways(cloud, '10.0.0.29', '172.20.0.66')).toBe('172.20.0.64/26 10.0.0.37 unknown');
  expect(ways(cloud, '10.0.0.29', '172.20.0.200')).toBe('none');
  expect(chosen({sources: {}, problems: []}, {address: '10.0.0.29'}, '172.20.0.66')).toEqual({
    kind: 'unknown',
    because: 'no route tables of the cloud were given',
  });
});

test('AWS: local is a row like others and a longer one wins; a blackhole stays and swallows', () => {
  const cloud = cloudOf({
    RouteTables: [
      {
        RouteTableId: 'rtb-1',
        VpcId: 'vpc-1',
        Associations: [{Main: true}],
        Routes: [
          {DestinationCidrBlock: '10.0.0.0/16', GatewayId: 'local', State: 'active', Origin: 'CreateRouteTable'},
          {DestinationCidrBlock: '10.0.9.0/24', NetworkInterfaceId: 'eni-9', State: 'active', Origin: 'CreateRoute'},
          {
            DestinationCidrBlock: '10.244.1.0/24',
            NetworkInterfaceId: 'eni-1',
            InstanceId: 'i-1',
            State: 'blackhole',
            Origin: 'CreateRoute',
          },
          {DestinationPrefixListId: 'pl-63a5400a', GatewayId: 'vpce-1', State: 'active', Origin: 'CreateRoute'},
        ],
      },
    ],
  });
  expect(ways(cloud, '10.0.0.1', '10.0.3.1')).toBe('local');
  expect(ways(cloud, '10.0.0.1', '10.0.9.1')).toBe('10.0.9.0/24 eni-9 active');
  expect(ways(cloud, '10.0.0.1', '10.244.1.7')).toBe('10.244.1.0/24 eni-1 blackhole');
});

test('GCE: the lowest priority of the longest prefix; a dead target is passed over; tags are the sender’s', () => {
  const base = {kind: 'compute#route', network: 'https://www.googleapis.com/compute/v1/projects/p/global/networks/default'};
  const to = (name: string) => `https://www.googleapis.com/compute/v1/projects/p/zones/z/instances/${name}`;
  const rows = [
    {...base, name: 'a', destRange: '10.244.1.0/24', nextHopInstance: to('n1'), priority: 1000},
    {...base, name: 'b', destRange: '10.244.1.0/24', nextHopInstance: to('n2'), priority: 900, warnings: [{code: 'NEXT_HOP_NOT_RUNNING'}]},
    {...base, name: 'c', destRange: '10.244.2.0/24', nextHopInstance: to('n2'), priority: 1000},
    {...base, name: 'd', destRange: '10.244.2.0/24', nextHopInstance: to('n3'), priority: 1000},
    {...base, name: 'e', destRange: '10.244.3.0/24', nextHopInstance: to('n3'), priority: 1000, tags: ['blue']},
    {...base, name: 'f', destRange: '10.128.0.0/20', nextHopNetwork: base.network, priority: 0},
  ];
  const cloud = cloudOf(rows, [
    {name: 'vm', zone: 'zones/z', canIpForward: true, tags: {items: ['blue']}, networkInterfaces: [{networkIP: '10.128.0.9'}]},
    {name: 'green', zone: 'zones/z', networkInterfaces: [{networkIP: '10.128.0.8'}]},
  ]);
  expect(ways(cloud, '10.128.0.9', '10.244.1.4')).toBe('10.244.1.0/24 zones/z/instances/n1 active');
  expect(ways(cloud, '10.128.0.9', '10.244.2.4')).toBe(
    '10.244.2.0/24 zones/z/instances/n2 active + 10.244.2.0/24 zones/z/instances/n3 active',
  );
  expect(ways(cloud, '10.128.0.9', '10.244.3.4')).toBe('10.244.3.0/24 zones/z/instances/n3 active');
  expect(ways(cloud, '10.128.0.8', '10.244.3.4')).toBe('none');
  expect(ways(cloud, '10.128.0.77', '10.244.3.4')).toMatch(/^unknown: a row for 10\.244\.3\.0\/24 is for machines with a tag/);
  expect(ways(cloud, '10.128.0.9', '10.128.0.200')).toBe('local');
  expect(cloud.enis?.map((eni) => eni.sourceDestCheck)).toEqual([false, true]);
});
