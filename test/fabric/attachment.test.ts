import {createHash} from 'node:crypto';
import {describe, expect, test} from 'vitest';
import type {PodRecord} from '../../src/core/flannel/records.js';
import {attachmentsOf} from '../../src/core/model/attachment.js';
import {modes} from '../../src/core/modes/index.js';
import {podVethName} from '../../src/core/node/pod-veth-name.js';
import type {NodeState} from '../../src/core/node/state.js';
import {nodeOf, router, shared} from './seed-nodes.js';

const shown = (state: NodeState): readonly string[] =>
  modes.flatMap((m) => {
    const found = m.detect(state);
    return found ? [`${m.type} ${found.weight}`] : [];
  });
const pod = (name: string, ip: string): PodRecord => ({namespace: 'default', name, hostNetwork: false, phase: 'Running', ips: [ip]});
const without = (text: string, line: string): string => {
  expect(text).toContain(`${line}\n`);
  return text.replace(`${line}\n`, '');
};

describe('pods behind rules', () => {
  const state = nodeOf('VM-0-49', shared);
  test('each has its veth, its table and its network interface; the mode is told by them', () => {
    expect(attachmentsOf(state)).toEqual([
      {
        ...{kind: 'policy', address: '10.0.0.41', by: ['route', 'to-rule', 'from-rule']},
        ...{veth: 'eniec98d9f243c', table: '100', eni: 'eth1'},
      },
      {
        ...{kind: 'policy', address: '10.0.0.44', by: ['route', 'to-rule', 'from-rule']},
        ...{veth: 'eni8ba8b48a483', table: '100', eni: 'eth1'},
      },
    ]);
    expect(shown(state)).toEqual(['tke-vpc-cni-shared 3']);
  });
  test.each([
    ['512:	from all to 10.0.0.44 lookup main', 'ip-rule', ['route', 'from-rule']],
    ['1536:	from 10.0.0.44 lookup 100', 'ip-rule', ['route', 'to-rule']],
    ['10.0.0.44 dev eni8ba8b48a483 scope link', 'ip-route-all', ['to-rule', 'from-rule']],
  ] as const)('without %s it is still one of them', (line, section, by) => {
    const less = nodeOf('VM-0-49', {...shared, [section]: without(shared[section], line)});
    expect(attachmentsOf(less).find((a) => a.address === '10.0.0.44')).toMatchObject({kind: 'policy', by});
    expect(shown(less)).toEqual(['tke-vpc-cni-shared 3']);
  });
  test('a pod that the API server has, and the node has no row for, is behind the veth of its name', () => {
    const name = 'network-tool-549c7756bd-6tfkf';
    const less = nodeOf('VM-0-49', {
      ...shared,
      'ip-rule': without(without(shared['ip-rule'], '512:	from all to 10.0.0.44 lookup main'), '1536:	from 10.0.0.44 lookup 100'),
      'ip-route-all': without(shared['ip-route-all'], '10.0.0.44 dev eni8ba8b48a483 scope link'),
    });
    expect(attachmentsOf(less, [pod(name, '10.0.0.44')]).find((a) => a.address === '10.0.0.44')).toEqual({
      ...{kind: 'policy', address: '10.0.0.44', by: ['record'], record: `default/${name}`, veth: 'eni8ba8b48a483'},
    });
  });
  test('rules of a pod that is gone make no pod where the API server was asked', () => {
    const gone = nodeOf('VM-0-49', {...shared, 'ip-route-all': without(shared['ip-route-all'], '10.0.0.41 dev eniec98d9f243c scope link')});
    expect(attachmentsOf(gone).map((a) => a.address)).toContain('10.0.0.41');
    expect(attachmentsOf(gone, [pod('a', '10.0.0.44')]).map((a) => a.address)).toEqual(['10.0.0.44']);
  });
  test('AWS is told by its mark and its tables, Terway by 2048', () => {
    const rules = shared['ip-rule'];
    const aws = nodeOf('a', {
      ...shared,
      'ip-rule': `${rules.replaceAll('lookup 100', 'lookup 2')}1024:	from all fwmark 0x80/0x80 lookup main\n`,
    });
    expect(shown(aws)).toEqual(['aws-vpc-cni 3']);
    expect(shown(nodeOf('a', {...shared, 'ip-rule': rules.replaceAll('lookup 100', 'lookup 3')}))).toEqual(['aws-vpc-cni 3']);
    const first = without(without(rules, '1536:	from 10.0.0.41 lookup 100'), '1536:	from 10.0.0.44 lookup 100');
    const primary = nodeOf('a', {...shared, 'ip-rule': `${first}1024:	from all fwmark 0x80/0x80 lookup main\n`});
    expect(attachmentsOf(primary).map((a) => a.kind)).toEqual(['policy-primary', 'policy-primary']);
    expect(shown(primary)).toEqual(['aws-vpc-cni 3']);
    expect(shown(nodeOf('a', {...shared, 'ip-rule': rules.replaceAll('1536:', '2048:').replaceAll('lookup 100', 'lookup 1004')}))).toEqual([
      'terway 3',
    ]);
  });
  test('host routes into veths without rules are another plugin’s', () => {
    const ptp = nodeOf('a', {...shared, 'ip-rule': '0:	from all lookup local\n32766:	from all lookup main\n'});
    expect(attachmentsOf(ptp).map((a) => a.kind)).toEqual(['ptp', 'ptp']);
    expect(shown(ptp)).toEqual([]);
  });
});

describe('pods with a network interface of their own', () => {
  const own = {
    'ip-link': shared['ip-link'].split('\n').slice(0, 2).join('\n'),
    'ip-rule': '0:	from all lookup local\n32766:	from all lookup main\n',
    'ip-route-all': 'default via 10.0.0.1 dev eth0\n10.0.0.0/24 dev eth0 proto kernel scope link src 10.0.0.49\n',
    'pods/web/ip-addr': `2: eth0: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 qdisc fq_codel state UP group default qlen 1000
    link/ether 20:90:6f:cd:76:77 brd ff:ff:ff:ff:ff:ff
    inet 10.0.0.46/24 brd 10.0.0.255 scope global eth0
       valid_lft forever preferred_lft forever
`,
  };
  test('have no end on the node, and no rules; without their namespaces the API server tells of them', () => {
    const state = nodeOf('n', own);
    expect(attachmentsOf(state)).toEqual([{kind: 'exclusive', address: '10.0.0.46', by: ['pod'], pod: 'web', eth: 'eth0'}]);
    expect(shown(state)).toEqual(['tke-vpc-cni-exclusive 3']);
    const {'pods/web/ip-addr': _, ...rest} = own;
    expect(attachmentsOf(nodeOf('n', rest), [pod('web', '10.0.0.46')])).toMatchObject([{kind: 'exclusive', by: ['record']}]);
  });
});

describe('pods on a bridge', () => {
  test('of Global Router: cbr0 and nothing of flannel’s', () => {
    const state = nodeOf('VM-0-29', router);
    expect(attachmentsOf(state)).toEqual([
      {
        ...{kind: 'bridge', address: '172.20.0.3', by: ['pod'], pod: 'network-tool-549c7756bd-bnc7x', eth: 'eth0'},
        ...{veth: 'Vethdc4b21b7', bridge: 'cbr0'},
      },
    ]);
    expect(shown(state)).toEqual(['tke-global-router 3']);
    expect(shown(nodeOf('VM-0-37', {'route-n': router['route-n'].replace('172.20.0.0 ', '172.20.0.64')}))).toEqual(['tke-global-router 3']);
  });
  test('a node with flannel’s file is flannel’s, whatever its bridge is called', () => {
    const env = 'FLANNEL_NETWORK=172.20.0.0/16\nFLANNEL_SUBNET=172.20.0.1/26\nFLANNEL_MTU=1500\nFLANNEL_IPMASQ=true\n';
    expect(shown(nodeOf('n', {...router, 'subnet.env': env}))).not.toContain('tke-global-router 3');
  });
});

test('a veth is called after sha1 of namespace and pod, as in the article', () => {
  expect(podVethName('eni', 'default', 'network-tool-549c7756bd-6tfkf')).toBe('eni8ba8b48a483');
  for (const name of ['', 'a', 'x'.repeat(52), 'x'.repeat(60), 'é'.repeat(99)])
    expect(podVethName('', 'ns', name)).toBe(createHash('sha1').update(`ns.${name}`).digest('hex').slice(0, 11));
});
