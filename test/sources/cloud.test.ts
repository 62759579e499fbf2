import {chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {afterAll, afterEach, expect, test, vi} from 'vitest';
import {openEvidence} from '../../src/edge/evidence.js';
import {redactSnapshot} from '../../src/edge/snapshots/redact.js';
import {openCloud} from '../../src/edge/sources/cloud/open.js';
import {Failure} from '../../src/failure.js';

const dir = mkdtempSync(join(tmpdir(), 'flanctl-cloud-'));
afterAll(() => rmSync(dir, {recursive: true}));
afterEach(() => vi.unstubAllEnvs());
const {signal} = new AbortController();
const write = (name: string, value: unknown): string => {
  const path = join(dir, name);
  writeFileSync(path, typeof value === 'string' ? value : JSON.stringify(value));
  return path;
};
const failure = async (work: Promise<unknown>): Promise<Failure> => {
  const error = await work.then(
    () => undefined,
    (e: unknown) => e,
  );
  if (!(error instanceof Failure)) throw error ?? new Error('nothing was refused');
  return error;
};

const clusterRoutes = {
  RouteSet: [{RouteTableName: 'cls-1', DestinationCidrBlock: '172.20.0.64/26', GatewayIp: '10.0.0.37'}],
  TotalCount: 1,
};
const enis = {
  NetworkInterfaceSet: [
    {
      NetworkInterfaceId: 'eni-7',
      SubnetId: 'subnet-7',
      Attachment: {InstanceId: 'ins-7'},
      PrivateIpAddressSet: [{PrivateIpAddress: '10.0.0.37', Primary: true}],
    },
  ],
};

test('files are read with their time of change, kept as they were given, and read again from there', async () => {
  const opened = await openCloud(
    {'cloud-routes': [write('r.json', {Response: clusterRoutes})], 'cloud-enis': [write('e.json', enis)]},
    {},
    signal,
  );
  expect(opened?.cloud.routes).toMatchObject([{provider: 'tke', dst: '172.20.0.64/26', nextHop: {ip: '10.0.0.37'}}]);
  expect(opened?.cloud.sources).toEqual({
    routes: {from: 'r.json', takenAt: expect.stringMatching(/^20\d\d-/)},
    enis: {from: 'e.json', takenAt: expect.stringMatching(/^20\d\d-/)},
  });
  expect(JSON.parse(opened!.files['cloud-routes.json']!)).toMatchObject({
    kind: 'CloudDocuments',
    documents: [{from: 'r.json', data: {Response: clusterRoutes}}],
  });
  expect((await openCloud({}, opened!.files, signal))?.cloud).toEqual(opened?.cloud);
});

test('a loose folder has the vendor’s own file; a flag wins over it', async () => {
  const folder = join(dir, 'folder');
  mkdirSync(join(folder, 'node1'), {recursive: true});
  writeFileSync(join(folder, 'node1', 'ip-route.txt'), 'default via 10.0.0.1 dev eth0\n');
  writeFileSync(join(folder, 'cloud-routes.json'), JSON.stringify(clusterRoutes));
  writeFileSync(join(folder, 'cloud-enis.json'), '{');
  const usual = {snapshot: folder, pods: 'all', timeout: 5, concurrency: 4, 'ssh-host-keys': 'strict'} as const;
  const options = {signal, quiet: true, notice: () => undefined};
  const beside = (await openEvidence(usual, options)).given.cloud;
  expect(beside?.routes).toHaveLength(1);
  expect(beside).not.toHaveProperty('enis');
  expect(beside?.problems).toEqual([expect.stringMatching(/^cloud-enis\.json: not JSON/)]);
  const other = write('none.json', {RouteSet: []});
  expect((await openEvidence({...usual, 'cloud-routes': [other]}, options)).given.cloud?.routes).toEqual([]);
});

test('what a person names must be there, be JSON, and be read whole', async () => {
  expect((await failure(openCloud({'cloud-routes': [join(dir, 'nowhere')]}, {}, signal))).message).toMatch(
    /^--cloud-routes: cannot read .*nowhere/,
  );
  expect((await failure(openCloud({'cloud-enis': [write('bad.json', 'Routes:\n')]}, {}, signal))).message).toMatch(
    /^--cloud-enis: .*bad\.json is not JSON/,
  );
  const odd = write('odd.json', {RouteSet: [{RouteTableName: 'c', DestinationCidrBlock: '172.20.0.64/26', GatewayIp: 'x'}]});
  expect((await failure(openCloud({'cloud-routes': [odd]}, {}, signal))).message).toBe(
    'odd.json: RouteSet[0].GatewayIp: not an IP address: "x"',
  );
});

test('redacted, the rows still lead to the same interfaces, and nothing tells whose they are', async () => {
  const opened = await openCloud({'cloud-routes': [write('r.json', clusterRoutes)], 'cloud-enis': [write('e.json', enis)]}, {}, signal);
  const {extras} = redactSnapshot([], opened!.files);
  for (const word of ['cls-1', 'eni-7', 'subnet-7', 'ins-7', '10.0.0.37', 'r.json']) expect(JSON.stringify(extras)).not.toContain(word);
  const again = (await openCloud({}, extras, signal))?.cloud;
  expect(again?.routes?.[0]?.nextHop.ip).toBe(again?.enis?.[0]?.addresses[0]?.address);
  expect(again?.problems).toEqual([]);
});

/** A tool that answers each call from a table, and writes down how it was called. */
function tool(name: string, answers: Readonly<Record<string, unknown>>): {readonly calls: () => readonly string[]} {
  const bin = mkdtempSync(join(dir, 'bin-'));
  const cases = Object.entries(answers).map(([call, answer]) => `  "${call}"*) printf '%s' '${JSON.stringify(answer)}';;`);
  writeFileSync(
    join(bin, name),
    `#!/bin/sh\necho "$*" >> ${bin}/calls\ncase "$*" in\n${cases.join('\n')}\n  *) echo "warming up" >&2; echo "no right to $1 $2" >&2; exit 4;;\nesac\n`,
  );
  chmodSync(join(bin, name), 0o755);
  vi.stubEnv('PATH', `${bin}:/usr/bin:/bin`);
  return {calls: () => readFileSync(join(bin, 'calls'), 'utf8').trim().split('\n')};
}

test('--cloud tencent asks for every page, and for the rows of each cluster table; only what is told to be read', async () => {
  const page = (id: string) => ({RouteTableSet: [{RouteTableId: id, RouteSet: []}], TotalCount: 2});
  const tccli = tool('tccli', {
    'vpc DescribeRouteTables --Limit 100 --Offset 0': page('rtb-1'),
    'vpc DescribeRouteTables --Limit 100 --Offset 1': page('rtb-2'),
    'tke DescribeClusterRouteTables': {
      RouteTableSet: [{RouteTableName: 'cls-1', RouteTableCidrBlock: '172.20.0.0/16', VpcId: 'vpc-1'}],
      TotalCount: 1,
    },
    'tke DescribeClusterRoutes --RouteTableName cls-1': clusterRoutes,
    'vpc DescribeNetworkInterfaces': {...enis, TotalCount: 1},
    'vpc DescribeSubnets': {SubnetSet: [{SubnetId: 'subnet-7', CidrBlock: '10.0.0.0/24', AvailableIpAddressCount: 12}], TotalCount: 1},
  });
  const opened = await openCloud({cloud: 'tencent'}, {}, signal);
  expect(opened?.cloud.tables?.map((t) => t.id)).toEqual(['rtb-1', 'rtb-2', 'cls-1']);
  expect(opened?.cloud.routes).toHaveLength(1);
  expect(opened?.cloud.subnets).toEqual([{provider: 'tencent', id: 'subnet-7', cidr: '10.0.0.0/24', freeAddresses: 12}]);
  expect(opened?.cloud.sources.routes?.from).toMatch(/^tccli vpc DescribeRouteTables/);
  expect(tccli.calls().every((call) => /^(vpc|tke) Describe/.test(call))).toBe(true);
});

test('aws is asked in one call for each kind, aliyun by its tables, gcloud with its own form', async () => {
  tool('aws', {
    'ec2 describe-route-tables --output json --filters Name=vpc-id,Values=vpc-1': {RouteTables: [{RouteTableId: 'rtb-1', Routes: []}]},
    'ec2 describe-network-interfaces': {NetworkInterfaces: []},
    'ec2 describe-subnets': {Subnets: []},
  });
  expect((await openCloud({cloud: 'aws', 'cloud-vpc': 'vpc-1'}, {}, signal))?.cloud).toMatchObject({routes: [], enis: []});
  const token = {RouteEntrys: {RouteEntry: []}, NextToken: 'n2'};
  tool('aliyun', {
    'vpc DescribeRouteTableList': {RouterTableList: {RouterTableListType: [{RouteTableId: 'vtb-1', RouteTableType: 'System'}]}},
    'vpc DescribeRouteEntryList --RouteTableId vtb-1 --MaxResult 100 --NextToken n2': {RouteEntrys: {RouteEntry: []}},
    'vpc DescribeRouteEntryList --RouteTableId vtb-1 --MaxResult 100': token,
    'ecs DescribeNetworkInterfaces': {NetworkInterfaceSets: {NetworkInterfaceSet: []}},
    'vpc DescribeVSwitches': {VSwitches: {VSwitch: []}},
  });
  expect((await openCloud({cloud: 'aliyun'}, {}, signal))?.cloud).toMatchObject({routes: [], problems: []});
  tool('gcloud', {'compute routes list --format=json': [], 'compute instances list --format=json': []});
  expect((await openCloud({cloud: 'gcp'}, {}, signal))?.cloud).toMatchObject({routes: [], enis: []});
});

test('--cloud asks for security groups too: all of the network, or each that an interface names; not where they are given', async () => {
  const row = {PolicyIndex: 0, Protocol: 'ALL', Port: 'ALL', CidrBlock: '10.0.0.0/16', Action: 'ACCEPT'};
  const tccli = tool('tccli', {
    'vpc DescribeRouteTables': {RouteTableSet: [], TotalCount: 0},
    'tke DescribeClusterRouteTables': {RouteTableSet: [], TotalCount: 0},
    'vpc DescribeNetworkInterfaces': {NetworkInterfaceSet: enis.NetworkInterfaceSet.map((e) => ({...e, GroupSet: ['sg-1', 'sg-2']}))},
    'vpc DescribeSubnets': {SubnetSet: [], TotalCount: 0},
    'vpc DescribeSecurityGroupPolicies --SecurityGroupId sg-1': {SecurityGroupPolicySet: {Version: '1', Ingress: [row], Egress: []}},
    'vpc DescribeSecurityGroupPolicies --SecurityGroupId sg-2': {SecurityGroupPolicySet: {Version: '1', Ingress: [], Egress: []}},
  });
  const opened = await openCloud({cloud: 'tencent'}, {}, signal);
  expect(opened?.cloud.problems).toEqual([]);
  expect(opened?.cloud.groups).toMatchObject([
    {id: 'sg-1', ingress: [{from: ['10.0.0.0/16']}]},
    {id: 'sg-2', ingress: []},
  ]);
  expect((await openCloud({}, opened!.files, signal))?.cloud.groups).toEqual(opened?.cloud.groups);
  const own = write('g.json', {kind: 'CloudGroups', groups: [{id: 'mine', ingress: []}]});
  expect((await openCloud({cloud: 'tencent', 'cloud-groups': [own]}, {}, signal))?.cloud.groups?.map((g) => g.id)).toEqual(['mine']);
  expect(tccli.calls().filter((call) => call.includes('SecurityGroup'))).toHaveLength(2);

  tool('aliyun', {
    'vpc DescribeRouteTableList': {RouterTableList: {RouterTableListType: []}},
    'ecs DescribeNetworkInterfaces': {
      NetworkInterfaceSets: {
        NetworkInterfaceSet: [{NetworkInterfaceId: 'eni-1', PrivateIpAddress: '10.0.0.5', SecurityGroupIds: {SecurityGroupId: ['sg-9']}}],
      },
    },
    'vpc DescribeVSwitches': {VSwitches: {VSwitch: []}},
    'ecs DescribeSecurityGroupAttribute --SecurityGroupId sg-9': {SecurityGroupId: 'sg-9', Permissions: {Permission: []}},
  });
  expect((await openCloud({cloud: 'aliyun'}, {}, signal))?.cloud).toMatchObject({groups: [{id: 'sg-9'}], problems: []});
  tool('aws', {
    'ec2 describe-route-tables': {RouteTables: []},
    'ec2 describe-network-interfaces': {NetworkInterfaces: []},
    'ec2 describe-subnets': {Subnets: []},
    'ec2 describe-security-groups --output json --filters Name=vpc-id,Values=vpc-1': {
      SecurityGroups: [{GroupId: 'sg-3', IpPermissions: []}],
    },
  });
  expect((await openCloud({cloud: 'aws', 'cloud-vpc': 'vpc-1'}, {}, signal))?.cloud).toMatchObject({groups: [{id: 'sg-3'}], problems: []});
  tool('gcloud', {
    'compute routes list': [],
    'compute instances list': [],
    'compute firewall-rules list --format=json --filter=network~/blue': [
      {network: 'projects/p/global/networks/blue', direction: 'INGRESS', sourceRanges: ['10.0.0.0/8'], allowed: [{IPProtocol: 'all'}]},
    ],
  });
  const gcp = (await openCloud({cloud: 'gcp', 'cloud-vpc': 'blue'}, {}, signal))?.cloud;
  expect({problems: gcp?.problems, groups: gcp?.groups?.map((g) => g.ingress.length)}).toEqual({problems: [], groups: [1]});
});

test('where security groups are refused or cannot be read, the rest is, and that is told', async () => {
  const others = {
    'ec2 describe-route-tables': {RouteTables: []},
    'ec2 describe-network-interfaces': {NetworkInterfaces: []},
    'ec2 describe-subnets': {Subnets: []},
  };
  tool('aws', {...others, 'ec2 describe-security-groups': {SecurityGroups: [{GroupId: 'sg-3', IpPermissions: [{}]}]}});
  const odd = (await openCloud({cloud: 'aws'}, {}, signal))?.cloud;
  expect(odd?.problems).toEqual([expect.stringContaining('SecurityGroups[0].IpPermissions[0].IpProtocol: not there')]);
  expect(odd).not.toHaveProperty('groups');
  tool('aws', others);
  const cloud = (await openCloud({cloud: 'aws'}, {}, signal))?.cloud;
  expect(cloud).toMatchObject({
    routes: [],
    problems: ['security groups: --cloud: aws ec2 describe-security-groups --output json: no right to ec2 describe-security-groups'],
  });
  expect(cloud).not.toHaveProperty('groups');
});

test('a tool that is not there, and one that refuses, end the run as incomplete, with what it said last', async () => {
  vi.stubEnv('PATH', dir);
  expect(await failure(openCloud({cloud: 'aws'}, {}, signal))).toMatchObject({exit: 3, message: '--cloud: aws cannot be started'});
  tool('tccli', {});
  expect(await failure(openCloud({cloud: 'tencent'}, {}, signal))).toMatchObject({
    exit: 3,
    message: '--cloud: tccli vpc DescribeRouteTables --Limit 100 --Offset 0: no right to vpc DescribeRouteTables',
  });
});
