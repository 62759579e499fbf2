import {expect, test} from 'vitest';
import {lookup} from '../../src/core/forwarding/lookup.js';
import {readNode} from '../../src/core/model/read-node.js';

const rules = '1000:\tfrom all lookup [l3mdev-table]\n32766:\tfrom all lookup main\n';
const stateWith = (more: string) =>
  readNode({
    node: 'n1',
    via: 'test',
    sections: [
      [
        'ip-link',
        'ip -d link show',
        `2: eth0: <UP,LOWER_UP> mtu 1500 state UP\n    link/ether 02:00:00:00:00:01 brd ff:ff:ff:ff:ff:ff\n${more}`,
      ],
      ['ip-route-all', 'ip -4 route show table all', 'default via 192.168.1.1 dev eth0\n'],
      ['ip-rule', 'ip -4 rule show', rules],
    ].map(([name = '', command = '', out = '']) => ({name, command, out, rc: 0})),
  });

test('a rule for VRFs says nothing where there is none', () => {
  expect(lookup(stateWith(''), {dst: '10.0.0.1'})).toMatchObject({kind: 'route', rule: {priority: 32_766}});
});

test('with a VRF it is not modelled, and says so', () => {
  const vrf =
    '3: red: <NOARP,MASTER,UP,LOWER_UP> mtu 65575 state UP\n    link/ether 02:00:00:00:00:02 brd ff:ff:ff:ff:ff:ff\n    vrf table 10\n';
  expect(lookup(stateWith(vrf), {dst: '10.0.0.1'})).toEqual({
    kind: 'unknown',
    why: 'policy rule 1000 (l3mdev) looks in the table of a VRF, and which device belongs to which VRF is not modelled',
  });
});
