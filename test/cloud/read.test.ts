import {describe, expect, test} from 'vitest';
import type {Cloud} from '../../src/core/cloud/cloud.js';
import {readCloud} from '../../src/core/cloud/read.js';
import {resolveCloud} from '../../src/core/cloud/resolve.js';

const routesOf = (...documents: unknown[]): Cloud => readCloud({routes: documents.map((data, i) => ({from: `r${i + 1}.json`, data}))});
const enisOf = (...documents: unknown[]): Cloud => readCloud({enis: documents.map((data, i) => ({from: `e${i + 1}.json`, data}))});
const short = (cloud: Cloud): readonly string[] =>
  (cloud.routes ?? []).map((r) => `${r.provider} ${r.tableId} ${r.dst} ${r.nextHop.type} ${r.nextHop.id} ${r.state} ${r.origin}`);

describe('each form of route tables', () => {
  test('tccli DescribeRouteTables, with the wrapper and without; an id that is a number, an IPv6 row, Enabled left out', () => {
    const plain = {
      RouteTableSet: [
        {
          RouteTableId: 'rtb-1',
          RouteTableName: 'default',
          VpcId: 'vpc-1',
          Main: true,
          AssociationSet: [{SubnetId: 'subnet-1', RouteTableId: 'rtb-1'}],
          RouteSet: [
            {
              DestinationCidrBlock: '10.100.38.0/24',
              GatewayType: 'NORMAL_CVM',
              GatewayId: '10.110.110.22',
              RouteId: 7,
              RouteType: 'USER',
              Enabled: true,
            },
            {
              DestinationCidrBlock: '10.100.14.0/24',
              GatewayType: 'NORMAL_CVM',
              GatewayId: '10.110.110.21',
              RouteId: '8',
              RouteType: 'USER',
            },
            {
              DestinationCidrBlock: '',
              DestinationIpv6CidrBlock: '2001:db8::/56',
              GatewayType: 'CCN',
              GatewayId: 'ccn-1',
              RouteId: 0,
              RouteType: 'CCN',
              Enabled: false,
            },
          ],
        },
      ],
      TotalCount: 1,
      RequestId: 'x',
    };
    const expected = [
      'tencent rtb-1 10.100.38.0/24 NORMAL_CVM 10.110.110.22 active user',
      'tencent rtb-1 10.100.14.0/24 NORMAL_CVM 10.110.110.21 unknown user',
      'tencent rtb-1 2001:db8::/56 CCN ccn-1 disabled system',
    ];
    expect(short(routesOf(plain))).toEqual(expected);
    expect(short(routesOf({Response: plain}))).toEqual(expected);
    expect(routesOf(plain).tables).toEqual([
      {provider: 'tencent', id: 'rtb-1', name: 'default', vpcId: 'vpc-1', main: true, subnets: ['subnet-1']},
    ]);
  });

  test('tke: the cluster table and its rows come from two calls and are one table', () => {
    const cloud = routesOf(
      {RouteTableSet: [{RouteTableName: 'cls-1', RouteTableCidrBlock: '172.20.0.0/16', VpcId: 'vpc-1'}], TotalCount: 1},
      {Response: {RouteSet: [{RouteTableName: 'cls-1', DestinationCidrBlock: '172.20.0.64/26', GatewayIp: '10.0.0.37'}], TotalCount: 1}},
    );
    expect(short(cloud)).toEqual(['tke cls-1 172.20.0.64/26 GatewayIp 10.0.0.37 unknown user']);
    expect(cloud.tables).toEqual([{provider: 'tke', id: 'cls-1', vpcId: 'vpc-1', cidr: '172.20.0.0/16', subnets: [], wide: true}]);
  });

  test('a list of tables says which there are, and nothing of their rows', () => {
    const cloud = routesOf({RouteTableSet: [{RouteTableName: 'cls-1', RouteTableCidrBlock: '172.20.0.0/16', VpcId: 'vpc-1'}]});
    expect(cloud.tables).toHaveLength(1);
    expect(cloud).not.toHaveProperty('routes');
    expect(routesOf({RouteTableSet: [{RouteTableName: 'cls-1', RouteTableCidrBlock: '172.20.0.0/16'}]}, {RouteSet: []}).routes).toEqual([]);
  });

  test('tccli DescribeRoutes, DescribeGlobalRoutes and DescribeCcnRoutes', () => {
    expect(
      short(routesOf({RouteSet: [{RouteTableId: 'rtb-1', DestinationCidrBlock: '10.1.0.0/24', GatewayType: 'NAT', GatewayId: 'nat-1'}]})),
    ).toEqual(['tencent rtb-1 10.1.0.0/24 NAT nat-1 unknown unknown']);
    expect(
      short(
        routesOf({
          GlobalRouteSet: [{VpcId: 'vpc-1', DestinationCidrBlock: '10.1.0.0/24', GatewayType: 'NORMAL_CVM', GatewayId: '10.0.0.2'}],
        }),
      ),
    ).toEqual(['tencent global routes of vpc-1 10.1.0.0/24 NORMAL_CVM 10.0.0.2 unknown unknown']);
    expect(
      short(
        routesOf({
          RouteSet: [{RouteId: 'ccnr-1', DestinationCidrBlock: '10.1.0.0/24', InstanceType: 'VPC', InstanceId: 'vpc-1', Enabled: true}],
        }),
      ),
    ).toEqual(['tencent routes of the CCN 10.1.0.0/24 VPC vpc-1 active propagated']);
  });

  test('aliyun: entries, each next hop a row; the list of tables says whom they serve; the older call has both', () => {
    const entry = {
      RouteTableId: 'vtb-1',
      DestinationCidrBlock: '10.244.1.0/24',
      Type: 'Custom',
      Status: 'Available',
      NextHops: {
        NextHop: [
          {NextHopType: 'Instance', NextHopId: 'i-1', Enabled: 1},
          {NextHopType: 'Instance', NextHopId: 'i-2', Enabled: 0},
        ],
      },
    };
    const system = {
      RouteTableId: 'vtb-1',
      DestinationCidrBlock: '192.168.0.0/24',
      Type: 'System',
      Status: 'Available',
      NextHops: {NextHop: []},
    };
    const tables = {
      RouterTableList: {
        RouterTableListType: [{RouteTableId: 'vtb-1', RouteTableType: 'System', VpcId: 'vpc-1', VSwitchIds: {VSwitchId: ['vsw-1']}}],
      },
    };
    const cloud = routesOf({RouteEntrys: {RouteEntry: [entry, system]}}, tables);
    expect(short(cloud)).toEqual([
      'alibaba vtb-1 10.244.1.0/24 Instance i-1 active user',
      'alibaba vtb-1 10.244.1.0/24 Instance i-2 disabled user',
      'alibaba vtb-1 192.168.0.0/24 local  active system',
    ]);
    expect(cloud.tables).toEqual([{provider: 'alibaba', id: 'vtb-1', vpcId: 'vpc-1', main: true, subnets: ['vsw-1']}]);
    const old = {
      RouteTables: {
        RouteTable: [
          {
            RouteTableId: 'vtb-1',
            RouteTableType: 'System',
            RouteEntrys: {
              RouteEntry: [
                {DestinationCidrBlock: '10.244.1.0/24', Type: 'Custom', Status: 'Pending', NextHopType: 'Instance', InstanceId: 'i-1'},
              ],
            },
          },
        ],
      },
    };
    expect(short(routesOf(old))).toEqual(['alibaba vtb-1 10.244.1.0/24 Instance i-1 pending user']);
  });

  test('gcloud as an array and as the API’s items; no row at all is no row', () => {
    const row = {
      kind: 'compute#route',
      name: 'flannel-10-244-1-0-24',
      network: 'https://www.googleapis.com/compute/v1/projects/p/global/networks/default',
      destRange: '10.244.1.0/24',
      nextHopInstance: 'https://www.googleapis.com/compute/v1/projects/p/zones/z/instances/n1',
      priority: 1000,
      warnings: [{code: 'NEXT_HOP_CANNOT_IP_FORWARD'}],
    };
    const said = ['gcp global/networks/default 10.244.1.0/24 instance zones/z/instances/n1 active user'];
    expect(short(routesOf([row]))).toEqual(said);
    expect(short(routesOf({items: [row]}))).toEqual(said);
    expect(routesOf([row]).routes?.[0]?.cannotForward).toBe(true);
    expect(routesOf([])).toMatchObject({routes: [], problems: []});
  });

  test('flanctl’s own', () => {
    const cloud = routesOf({
      kind: 'CloudRoutes',
      tables: [{id: 't1', main: true, subnets: ['a']}],
      routes: [{tableId: 't1', dst: '10.244.1.0/24', nextHop: {type: 'node', id: '10.0.0.1'}, state: 'disabled'}],
    });
    expect(short(cloud)).toEqual(['own t1 10.244.1.0/24 node 10.0.0.1 disabled user']);
    expect(cloud.problems).toEqual([]);
  });
});

describe('what cannot be read whole is left out, with its place', () => {
  test.each([
    [
      {RouteTableSet: [{RouteTableId: 'r', RouteSet: [{DestinationCidrBlock: '10.1.0.0/99', GatewayType: 'NAT'}]}]},
      'r1.json: RouteTableSet[0].RouteSet[0].DestinationCidrBlock: not a prefix such as 10.244.1.0/24: "10.1.0.0/99"',
    ],
    [{RouteTables: [{Routes: []}]}, 'r1.json: RouteTables[0].RouteTableId: not there'],
    [
      {RouteSet: [{RouteTableName: 'c', DestinationCidrBlock: '10.1.0.0/26', GatewayIp: 'gw'}]},
      'r1.json: RouteSet[0].GatewayIp: not an IP address: "gw"',
    ],
    [
      {RouteTableSet: [{RouteTableId: 'r', RouteSet: []}], TotalCount: 43},
      'r1.json: 1 of 43 are listed: a page, not the whole; give the other pages too (Offset, Limit: at most 100)',
    ],
    [
      {RouteTables: [], NextToken: 'x'},
      'r1.json: there is a next page (aws ec2 describe-route-tables): give every page, each as a file of its own',
    ],
    [{NetworkInterfaces: []}, 'r1.json: this is what aws ec2 describe-network-interfaces prints: give it with --cloud-enis'],
    [
      {Response: {Error: {Code: 'AuthFailure', Message: 'The provided credentials could not be validated'}}},
      'r1.json: the cloud refused: The provided credentials could not be validated',
    ],
    [
      {kind: 'CloudRoutes', routes: [{dst: '10.1.0.0/24', nextHop: {id: 'n'}, state: 'on'}]},
      'r1.json: routes[0].state: not one of active, disabled, pending, blackhole, unknown: "on"',
    ],
  ])('%#', (data, problem) => {
    const cloud = routesOf(data);
    expect(cloud.problems).toEqual([problem]);
    expect(cloud).not.toHaveProperty('routes');
  });

  test('no form at all, and what is none of JSON’s objects', () => {
    for (const data of [{}, 'x', 3, null, {RouteTableSet: 'x'}]) {
      expect(routesOf(data).problems).toEqual([
        expect.stringMatching(/^r1\.json: not a form flanctl knows; it takes what is printed by tccli vpc/),
      ]);
    }
  });
});

describe('each form of interfaces', () => {
  test('Tencent, Alibaba, AWS and GCE', () => {
    const tencent = enisOf({
      NetworkInterfaceSet: [
        {
          NetworkInterfaceId: 'eni-1',
          MacAddress: '20:90:6F:AA:00:01',
          Primary: true,
          SubnetId: 's',
          Attachment: {InstanceId: 'ins-1', DeviceIndex: 0},
          PrivateIpAddressSet: [
            {PrivateIpAddress: '10.0.0.49', Primary: true, State: 'AVAILABLE'},
            {PrivateIpAddress: '10.0.0.41', Primary: false},
          ],
        },
      ],
    });
    expect(tencent.enis).toMatchObject([
      {
        id: 'eni-1',
        mac: '20:90:6f:aa:00:01',
        instanceId: 'ins-1',
        primary: true,
        deviceIndex: 0,
        subnetId: 's',
        addresses: [
          {address: '10.0.0.49', primary: true},
          {address: '10.0.0.41', primary: false},
        ],
      },
    ]);
    const alibaba = enisOf({
      NetworkInterfaceSets: {
        NetworkInterfaceSet: [
          {
            NetworkInterfaceId: 'eni-1',
            MacAddress: '00:16:3e:00:00:01',
            Type: 'Secondary',
            InstanceId: 'i-1',
            VSwitchId: 'vsw',
            PrivateIpSets: {PrivateIpSet: [{PrivateIpAddress: '10.0.0.5', Primary: true}]},
          },
        ],
      },
    });
    expect(alibaba.enis).toMatchObject([
      {id: 'eni-1', primary: false, instanceId: 'i-1', subnetId: 'vsw', addresses: [{address: '10.0.0.5', primary: true}]},
    ]);
    const aws = enisOf({
      NetworkInterfaces: [
        {
          NetworkInterfaceId: 'eni-1',
          MacAddress: '02:00:00:00:00:01',
          SourceDestCheck: true,
          SubnetId: 's',
          Attachment: {InstanceId: 'i-1', DeviceIndex: 1},
          PrivateIpAddresses: [{PrivateIpAddress: '10.0.0.5', Primary: true}],
          Ipv4Prefixes: [{Ipv4Prefix: '10.0.0.16/28'}],
        },
      ],
    });
    expect(aws.enis).toMatchObject([{id: 'eni-1', sourceDestCheck: true, primary: false, prefixes: ['10.0.0.16/28']}]);
    const gcp = enisOf([
      {
        name: 'n1',
        zone: 'https://x/projects/p/zones/z',
        canIpForward: true,
        networkInterfaces: [{networkIP: '10.0.0.5', aliasIpRanges: [{ipCidrRange: '10.4.0.0/24'}]}],
      },
    ]);
    expect(gcp.enis).toMatchObject([
      {id: 'n1/nic0', instanceId: 'zones/z/instances/n1', sourceDestCheck: false, prefixes: ['10.4.0.0/24']},
    ]);
  });
});

test('a next hop is found as a node by its address, its machine, its interface; what is no node stays a word', () => {
  const nodes = [
    {name: 'n1', addresses: ['10.0.0.1'], providerID: 'aws:///eu-west-1a/i-1'},
    {name: 'n2', addresses: ['10.0.0.2'], providerID: 'cn-hangzhou.i-2'},
    {name: 'n3', addresses: ['10.0.0.3'], providerID: 'gce://p/z/n3'},
    {name: 'n4', addresses: ['10.0.0.4']},
  ];
  const hop = (type: string, id: string, more: object = {}) => ({dst: '10.244.1.0/24', nextHop: {type, id, ...more}});
  const routes = {
    kind: 'CloudRoutes',
    routes: [
      hop('NORMAL_CVM', '10.0.0.1'),
      hop('Instance', 'i-2'),
      hop('instance', 'zones/z/instances/n3'),
      hop('NetworkInterface', 'eni-4'),
      hop('NetworkInterface', 'eni-9', {instanceId: 'i-1'}),
      hop('NAT', 'nat-1'),
    ],
  };
  const enis = {
    kind: 'CloudEnis',
    enis: [
      {id: 'eni-4', instanceId: 'i-4', addresses: ['10.0.0.4']},
      {id: 'eni-5', instanceId: 'i-4', addresses: ['10.0.0.50']},
    ],
  };
  const cloud = resolveCloud(readCloud({routes: [{from: 'r', data: routes}], enis: [{from: 'e', data: enis}]}), nodes);
  expect(cloud.routes?.map((r) => r.nextHop.node)).toEqual(['n1', 'n2', 'n3', 'n4', 'n1', undefined]);
  expect(cloud.enis?.map((eni) => eni.node)).toEqual(['n4', 'n4']);
});
