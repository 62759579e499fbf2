import {describe, expect, test} from 'vitest';
import {buildCluster, type Given} from '../../src/core/model/cluster.js';
import {differences, uncompared} from '../../src/core/model/differences.js';
import {Surveyor} from '../../src/core/model/survey.js';
import {type NodeView, view} from '../../src/core/model/view.js';
import type {NodeState} from '../../src/core/node/state.js';
import {nodeOf, router, shared} from './seed-nodes.js';

const viewOf = (state: NodeState, given: Given = {}, ...others: NodeState[]): NodeView => {
  const surveyor = new Surveyor();
  for (const s of [state, ...others]) surveyor.add(s);
  return view(buildCluster(surveyor, given), state);
};
const lines = (node: NodeView): readonly string[] => differences(node).map((d) => `${d.sign} ${d.row}`);
const edited = (section: keyof typeof shared, from: string, to: string): NodeState => {
  expect(shared[section]).toContain(from);
  return nodeOf('VM-0-49', {...shared, [section]: shared[section].replace(from, to)});
};
const other = nodeOf('VM-0-40', {
  'ip-rule':
    '0:	from all lookup local\n512:	from all to 10.0.0.30 lookup main\n1536:	from 10.0.0.30 lookup 100\n32766:	from all lookup main\n',
  'ip-route-all': `default via 10.0.0.1 dev eth1 table 100 onlink
default via 10.0.0.1 dev eth0 proto dhcp metric 100
10.0.0.0/24 dev eth0 proto kernel scope link src 10.0.0.22 metric 100
10.0.0.30 dev eni0f548c70045 scope link
`,
});

describe('pods with addresses of the VPC', () => {
  test('the rows of the article are all that should be there, and there is no lease', () => {
    const node = viewOf(nodeOf('VM-0-49', shared), {}, other);
    expect(node.cluster.mode?.type).toBe('tke-vpc-cni-shared');
    expect(node.cluster.members.map((m) => [m.name, m.lease, m.addresses, m.pods])).toEqual([
      ['VM-0-49', undefined, ['10.0.0.49'], ['10.0.0.41', '10.0.0.44']],
      ['VM-0-40', undefined, undefined, ['10.0.0.30']],
    ]);
    expect(lines(node)).toEqual([]);
    expect(uncompared(node)).toEqual([]);
    expect([node.expected?.route.length, node.expected?.rule?.length]).toEqual([3, 4]);
    expect(node.cluster.complete).toBe(true);
  });
  test.each([
    ['ip-rule', '512:	from all to 10.0.0.44 lookup main\n', '', ['- 512: from all to 10.0.0.44 lookup main']],
    ['ip-rule', '1536:	from 10.0.0.44 lookup 100\n', '', ['- 1536: from 10.0.0.44 lookup 100']],
    ['ip-rule', '1536:	from 10.0.0.44 lookup 100', '1537:	from 10.0.0.44 lookup 100', ['~ 1537: from 10.0.0.44 lookup 100']],
    ['ip-route-all', 'default via 10.0.0.1 dev eth1 table 100 onlink\n', '', ['- default via 10.0.0.1 dev eth1 table 100 onlink']],
    ['ip-route-all', 'dev eth1 table 100', 'dev eth0 table 100', []],
    ['ip-route-all', '10.0.0.44 dev eni8ba8b48a483', '10.0.0.44 dev eniec98d9f243c', []],
  ] as const)('%s: %s → %j', (section, from, to, expected) => {
    expect(lines(viewOf(edited(section, from, to), {}, other))).toEqual(expected);
  });
  test('a foreign default in the table, and no second one of a pod’s rules', () => {
    const foreign = edited('ip-route-all', 'default via 10.0.0.1 dev eth1 table 100 onlink', 'local default dev lo table 100 scope host');
    expect(lines(viewOf(foreign, {}, other))).toEqual(['~ local default dev lo table 100 scope host']);
  });
  test('what AWS writes is as right', () => {
    const text = shared['ip-route-all'].replace(
      'default via 10.0.0.1 dev eth1 table 100 onlink',
      '10.0.0.1 dev eth1 table 2 scope link\ndefault via 10.0.0.1 dev eth1 table 2',
    );
    const aws = nodeOf('a', {...shared, 'ip-rule': shared['ip-rule'].replaceAll('lookup 100', 'lookup 2'), 'ip-route-all': text});
    expect(viewOf(aws).cluster.mode?.type).toBe('aws-vpc-cni');
    expect(lines(viewOf(aws))).toEqual([]);
  });
});

describe('Global Router', () => {
  const second = nodeOf('VM-0-37', {'route-n': router['route-n'].replace('172.20.0.0 ', '172.20.0.64')});
  test('a node’s part is its bridge’s network; the container network is what all are in', () => {
    const node = viewOf(nodeOf('VM-0-29', router), {}, second);
    expect(node.cluster.mode?.type).toBe('tke-global-router');
    expect(node.cluster.networks).toEqual(['172.20.0.0/25']);
    expect(node.cluster.members.map((m) => [m.lease?.subnet, m.lease?.publicIP])).toEqual([
      ['172.20.0.0/26', '10.0.0.29'],
      ['172.20.0.64/26', undefined],
    ]);
    expect(node.bridge).toBe('cbr0');
    expect(lines(node)).toEqual([]);
  });
  test('a route to another node’s part stands before the cloud’s row; the bridge’s own must be there', () => {
    const text = router['route-n']
      .replace(/^172.*\n/m, '')
      .concat('172.20.0.64     10.0.0.37       255.255.255.192 UG    0      0        0 eth0\n');
    expect(lines(viewOf(nodeOf('VM-0-29', {...router, 'route-n': text}), {}, second))).toEqual([
      '- 172.20.0.0/26 dev cbr0 proto kernel scope link src 172.20.0.1',
      '+ 172.20.0.64/26 via 10.0.0.37 dev eth0',
    ]);
  });
  test('with pods of the VPC on the same node a rule leads to the bridge’s first', () => {
    const mixed = nodeOf('VM-0-49', {
      ...shared,
      'ip-addr': shared['ip-addr'] + router['ip-addr'].slice(router['ip-addr'].indexOf('4: cbr0')).replace('4: cbr0', '20: cbr0'),
      'ip-link': shared['ip-link'].concat(
        '20: cbr0: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 qdisc noqueue state UP mode DEFAULT group default\n    link/ether f6:23:3e:66:b2:51 brd ff:ff:ff:ff:ff:ff promiscuity 1\n    bridge forward_delay 1500\n',
      ),
      'ip-route-all': `${shared['ip-route-all']}172.20.0.0/26 dev cbr0 proto kernel scope link src 172.20.0.1\n`,
    });
    const node = viewOf(mixed, {}, second);
    expect(node.member.mode?.type).toBe('tke-global-router');
    expect(node.member.pods).toEqual(['10.0.0.41', '10.0.0.44']);
    expect(lines(node)).toEqual(['- 1024: from all to 172.20.0.0/26 lookup main']);
  });
});
