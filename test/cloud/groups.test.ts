import {describe, expect, test} from 'vitest';
import type {Cloud, CloudEni, Provider} from '../../src/core/cloud/cloud.js';
import {letIn} from '../../src/core/cloud/commands.js';
import {admission} from '../../src/core/cloud/groups.js';
import {bundleOf, documentsIn, readCloud} from '../../src/core/cloud/read.js';

const groupsOf = (...documents: readonly (readonly [string, unknown])[]): Cloud =>
  readCloud({groups: documents.map(([from, data]) => ({from, data}))});
const eni = (provider: Provider, groups: readonly string[], more: Partial<CloudEni> = {}): CloudEni => ({
  ...{provider, id: 'eni-1', addresses: [{address: '10.0.0.60', primary: true}], prefixes: [], groups, raw: {}},
  ...more,
});
const asked = (
  cloud: Cloud,
  to: CloudEni,
  src: string,
  proto = 'tcp',
  port?: number,
  others: readonly CloudEni[] = [],
): string | undefined =>
  admission({...cloud, enis: [to, ...others]}, to, {src, proto, ...(port !== undefined && {ports: [port, port]})})?.verdict;

const aws = groupsOf([
  'sg.json',
  {
    SecurityGroups: [
      {
        GroupId: 'sg-1',
        IpPermissions: [
          {IpProtocol: '-1', IpRanges: [{CidrIp: '10.0.0.0/16'}], UserIdGroupPairs: [{GroupId: 'sg-2'}], PrefixListIds: []},
          {IpProtocol: 'tcp', FromPort: 80, ToPort: 90, IpRanges: [{CidrIp: '0.0.0.0/0'}]},
        ],
      },
      {
        GroupId: 'sg-3',
        IpPermissions: [{IpProtocol: 'udp', FromPort: 53, ToPort: 53, IpRanges: [], PrefixListIds: [{PrefixListId: 'pl-1'}]}],
      },
    ],
  },
]);

describe('what security groups let in', () => {
  test('AWS: any row that accepts; by a group its members’ own addresses and no pods behind them', () => {
    expect(aws.problems).toEqual([]);
    const to = eni('aws', ['sg-1']);
    expect([asked(aws, to, '10.0.9.9'), asked(aws, to, '10.244.1.2'), asked(aws, to, '10.244.1.2', 'tcp', 85)]).toEqual([
      'accepted',
      'denied',
      'accepted',
    ]);
    expect([asked(aws, to, '10.244.1.2', 'tcp', 91), asked(aws, to, '10.244.1.2', 'udp', 85)]).toEqual(['denied', 'denied']);
    const member = eni('aws', ['sg-2'], {id: 'eni-2', addresses: [{address: '192.0.2.7', primary: true}]});
    expect([asked(aws, to, '192.0.2.7', 'icmp', undefined, [member]), asked(aws, to, '192.0.2.8', 'icmp', undefined, [member])]).toEqual([
      'accepted',
      'denied',
    ]);
  });
  test('what was not given decides nothing', () => {
    expect(asked(aws, eni('aws', []), '10.0.9.9')).toBeUndefined();
    expect(asked(aws, eni('aws', ['sg-9']), '10.0.9.9')).toBe('unknown');
    expect(asked(aws, eni('aws', ['sg-3']), '10.0.9.9', 'udp', 53)).toBe('unknown');
    expect(asked(aws, eni('aws', ['sg-3']), '10.0.9.9', 'tcp', 53)).toBe('denied');
  });
  test('Tencent: the first row that fits, group after group; the group’s id is in the name of the file, and is kept', () => {
    const row = (PolicyIndex: number, Action: string, Protocol: string, Port: string, CidrBlock: string) => ({
      ...{PolicyIndex, Action, Protocol, Port, CidrBlock},
      ...{Ipv6CidrBlock: '', SecurityGroupId: '', AddressTemplate: {AddressId: '', AddressGroupId: ''}},
    });
    const first = {
      Response: {
        SecurityGroupPolicySet: {
          Ingress: [row(1, 'ACCEPT', 'TCP', 'ALL', '0.0.0.0/0'), row(0, 'DROP', 'TCP', '22,8000-8010', '172.20.0.0/16')],
          Egress: [row(0, 'DROP', 'ALL', 'ALL', '0.0.0.0/0')],
        },
      },
    };
    const second = {SecurityGroupPolicySet: {Ingress: [row(0, 'ACCEPT', 'ALL', 'ALL', '172.20.0.0/16')], Egress: []}};
    const cloud = groupsOf(['sg-aa11.json', first], ['sg-bb22.json', second]);
    expect(cloud.problems).toEqual([]);
    const both = eni('tencent', ['sg-aa11', 'sg-bb22']);
    expect([22, 8005, 8011].map((port) => asked(cloud, both, '172.20.0.5', 'tcp', port))).toEqual(['denied', 'denied', 'accepted']);
    expect([asked(cloud, both, '172.20.0.5', 'icmp'), asked(cloud, eni('tencent', ['sg-aa11']), '172.20.0.5', 'icmp')]).toEqual([
      'accepted',
      'denied',
    ]);
    expect(groupsOf(['groups.json', second]).problems.join()).toContain('name the file after it, sg-….json');
    const kept = documentsIn(bundleOf([{from: 'sg-bb22.json', data: second}]), {from: 'cloud-groups.json'});
    expect(readCloud({groups: kept.map((d) => ({...d, from: 'x'}))}).groups?.map((g) => g.id)).toEqual(['sg-bb22']);
  });
  test('Alibaba: all rows by priority, of equal ones the one that drops; who shares the group is let in', () => {
    const row = (Policy: string, Priority: string, PortRange: string, SourceCidrIp: string, Direction = 'ingress') => ({
      ...{Policy, Priority, PortRange, SourceCidrIp, Direction, IpProtocol: 'TCP', SourceGroupId: ''},
    });
    const cloud = groupsOf([
      'g.json',
      {
        SecurityGroupId: 'sg-1',
        InnerAccessPolicy: 'Accept',
        Permissions: {
          Permission: [
            row('Accept', '2', '-1/-1', '0.0.0.0/0'),
            row('Drop', '2', '443/443', '172.16.0.0/12'),
            row('Accept', '1', '443/443', '172.20.1.0/24'),
            row('Drop', '1', '-1/-1', '0.0.0.0/0', 'egress'),
          ],
        },
      },
    ]);
    expect(cloud.problems).toEqual([]);
    const to = eni('alibaba', ['sg-1']);
    expect(['172.20.2.1', '172.20.1.1', '192.0.2.1'].map((src) => asked(cloud, to, src, 'tcp', 443))).toEqual([
      'denied',
      'accepted',
      'accepted',
    ]);
    const member = eni('alibaba', ['sg-1'], {id: 'eni-2', addresses: [{address: '192.0.2.7', primary: true}]});
    expect([asked(cloud, to, '192.0.2.7', 'icmp', undefined, [member]), asked(cloud, to, '192.0.2.8', 'icmp')]).toEqual([
      'accepted',
      'denied',
    ]);
  });
  test('GCE: rules of the network, by tags of the one who is asked and of the one who asks', () => {
    const rule = (more: object) => ({
      kind: 'compute#firewall',
      direction: 'INGRESS',
      priority: 1000,
      network: 'https://x/projects/p/global/networks/n',
      ...more,
    });
    const cloud = groupsOf([
      'f.json',
      [
        rule({sourceRanges: ['10.0.0.0/8'], allowed: [{IPProtocol: 'tcp', ports: ['80', '8000-8010']}, {IPProtocol: 'icmp'}]}),
        rule({sourceRanges: ['10.244.0.0/16'], priority: 900, denied: [{IPProtocol: 'tcp'}], targetTags: ['db']}),
        rule({sourceTags: ['node'], allowed: [{IPProtocol: 'udp'}]}),
        rule({sourceRanges: ['0.0.0.0/0'], allowed: [{IPProtocol: 'all'}], disabled: true}),
        rule({sourceRanges: ['0.0.0.0/0'], allowed: [{IPProtocol: 'sctp'}], targetServiceAccounts: ['a@b']}),
      ],
    ]);
    expect(cloud.problems).toEqual([]);
    const to = eni('gcp', ['global/networks/n']);
    const db = eni('gcp', ['global/networks/n'], {tags: ['db']});
    expect([80, 8005, 81].map((port) => asked(cloud, to, '10.244.1.2', 'tcp', port))).toEqual(['accepted', 'accepted', 'denied']);
    expect([asked(cloud, db, '10.244.1.2', 'tcp', 80), asked(cloud, db, '10.1.1.2', 'tcp', 80)]).toEqual(['denied', 'accepted']);
    const node = eni('gcp', ['global/networks/n'], {id: 'n', tags: ['node'], addresses: [{address: '192.0.2.7', primary: true}]});
    expect([asked(cloud, to, '192.0.2.7', 'udp', 1, [node]), asked(cloud, to, '192.0.2.8', 'udp', 1, [node])]).toEqual([
      'accepted',
      'denied',
    ]);
    expect(asked(cloud, to, '192.0.2.8', 'sctp')).toBe('unknown');
  });
  test('in flanctl’s own form, and what no form is, with the place', () => {
    const own = (ingress: unknown) => groupsOf(['own.json', {kind: 'CloudGroups', groups: [{id: 'g', ingress}]}]);
    const cloud = own([{from: ['10.0.0.0/8'], proto: 'tcp', ports: '1-9'}]);
    expect(asked(cloud, eni('aws', ['g']), '10.0.0.1', 'tcp', 9)).toBe('accepted');
    expect(own([{from: ['10.0.0'], ports: 'x'}]).problems).toEqual([
      'own.json: groups[0].ingress[0].ports: not ports such as 80 or 8000-8010',
      'own.json: groups[0].ingress[0].from[0]: not a prefix such as 10.244.0.0/16',
    ]);
    expect(groupsOf(['enis.json', {NetworkInterfaces: []}]).problems).toEqual([
      'enis.json: this is what aws ec2 describe-network-interfaces prints: give it with --cloud-enis',
    ]);
    expect(groupsOf(['x.json', {}]).groups).toBeUndefined();
  });
  test('the command that lets a range in, for each cloud', () => {
    const kind = {proto: 'tcp', ports: [80, 80]} as const;
    const words = (['tencent', 'alibaba', 'aws', 'gcp', 'own'] as const).map((provider) =>
      letIn({provider, id: 'sg-1'}, '10.244.0.0/16', kind)?.at(-1),
    );
    expect(words).toEqual([
      '{"Ingress":[{"PolicyIndex":0,"Protocol":"TCP","Port":"80","CidrBlock":"10.244.0.0/16","Action":"ACCEPT"}]}',
      '10.244.0.0/16',
      '[{"IpProtocol":"tcp","FromPort":80,"ToPort":80,"IpRanges":[{"CidrIp":"10.244.0.0/16"}]}]',
      'tcp:80',
      undefined,
    ]);
  });
});
