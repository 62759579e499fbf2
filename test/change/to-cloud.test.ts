import {describe, expect, test} from 'vitest';
import {legible} from '../../src/core/change/legible.js';
import {toCloud} from '../../src/core/change/migration/to-cloud.js';
import type {Cloud} from '../../src/core/cloud/cloud.js';
import {buildCluster} from '../../src/core/model/cluster.js';
import {readNode} from '../../src/core/model/read-node.js';
import {Surveyor} from '../../src/core/model/survey.js';
import {view} from '../../src/core/model/view.js';
import {modeOf} from '../../src/core/modes/index.js';
import type {NodeDump} from '../../src/core/node/dump.js';
import {loadBase} from '../bases/bases.js';
import {edited} from '../edited.js';

const target = {type: 'tencent-vpc', settings: modeOf('tencent-vpc')!.settings({})};

function planned(dumps: readonly NodeDump[], cloud?: Cloud) {
  const states = dumps.map(readNode);
  const surveyor = new Surveyor();
  for (const state of states) surveyor.add(state);
  const cluster = buildCluster(surveyor, {...(cloud && {cloud})});
  return toCloud(
    states.map((state) => view(cluster, state)),
    target,
    {canary: 1, batch: 10},
  );
}

const row = (node: number, to = node): NonNullable<Cloud['routes']>[number] => ({
  ...{provider: 'tencent', tableId: 'rtb-1', dst: `10.244.${node}.0/24`, state: 'active', origin: 'user', raw: null},
  nextHop: {type: 'NORMAL_CVM', id: `192.168.77.1${to}`, ip: `192.168.77.1${to}`},
});
const cloudOf = (more: Partial<Cloud>): Cloud => ({
  sources: {routes: {from: 'routes.json'}},
  problems: [],
  tables: [{provider: 'tencent', id: 'rtb-1', main: true, subnets: []}],
  ...more,
});

describe('from routes on the nodes to rows of the cloud: a plan to read', () => {
  test('host-gw: rows, configuration, then the routes of one node after the other, and what brings them back', async () => {
    const made = planned(await loadBase('host-gw'));
    if (made.kind !== 'plan') throw new Error(made.because.join());
    expect(made.plan.stages.map(({phase, title}) => [phase, title])).toEqual([
      ['flip', "delete the nodes' own routes 1/2: n1"],
      ['flip', "delete the nodes' own routes 2/2: n2, n3"],
    ]);
    expect(legible(made.plan.stages[0]!.work[0]!.operations).flatMap(({run, undo}) => [...run, ...undo])).toEqual([
      'ip route del 10.244.2.0/24 via 192.168.77.12 dev eth0 proto boot',
      'ip route replace 10.244.2.0/24 via 192.168.77.12 dev eth0',
      'ip route del 10.244.3.0/24 via 192.168.77.13 dev eth0 proto boot',
      'ip route replace 10.244.3.0/24 via 192.168.77.13 dev eth0',
    ]);
    expect(made.plan.warnings[1]).toContain('10.244.1.0/24 → 192.168.77.11 (n1), 10.244.2.0/24 → 192.168.77.12 (n2)');
    expect(made.plan.warnings).toContain('whether the rows are there was not looked at: --cloud-routes FILE');
  });

  test('vxlan: the tunnel devices go last', async () => {
    const made = planned(await loadBase('vxlan'));
    if (made.kind !== 'plan') throw new Error(made.because.join());
    expect(made.plan.stages.at(-1)).toMatchObject({phase: 'cleanup', title: 'delete the old tunnel devices'});
    expect(made.plan.stages.at(-1)!.work.map((w) => [w.node, w.operations.map((o) => [o.on, o.do])])).toEqual(
      ['n1', 'n2', 'n3'].map((node) => [node, [['link', 'del']]]),
    );
  });

  test('rows that are there are seen; one that leads elsewhere or is missing is named', async () => {
    const dumps = await loadBase('host-gw');
    const whole = planned(dumps, cloudOf({routes: [row(1), row(2), row(3)]}));
    expect(whole).toMatchObject({plan: {warnings: expect.arrayContaining(['the rows are there already, by routes.json'])}});
    const wrong = planned(dumps, cloudOf({routes: [row(1), row(2, 3)]}));
    expect(wrong).toMatchObject({
      plan: {
        warnings: expect.arrayContaining([
          'not there yet, or not alone: 10.244.2.0/24 → 192.168.77.12 for n1, n3; 10.244.3.0/24 → 192.168.77.13 for n1, n2',
        ]),
      },
    });
  });

  test('what would keep it from working is refused, each with its reason', async () => {
    const dumps = await edited('host-gw', ['n2', 'sysctl', (out) => out.replace('net/ipv4/ip_forward=1', 'net/ipv4/ip_forward=0')]);
    const enis: Cloud['enis'] = [
      {
        ...{provider: 'aws', id: 'eni-1', node: 'n1', primary: true, prefixes: [], sourceDestCheck: true, raw: null},
        addresses: [{address: '192.168.77.11', primary: true}],
      },
    ];
    expect(planned(dumps, cloudOf({enis, subnets: [{provider: 'aws', id: 'subnet-1', cidr: '10.244.0.0/20'}]}))).toEqual({
      kind: 'refused',
      because: [
        'n2 does not forward: net.ipv4.ip_forward is 0',
        'the pod network 10.244.0.0/16 overlaps subnet-1 (10.244.0.0/20): the cloud takes no rows for addresses of its own',
        'eni-1 of n1 drops packets with other addresses than its own: modify-network-interface-attribute --no-source-dest-check',
      ],
    });
  });
});
