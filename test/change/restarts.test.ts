import {expect, test} from 'vitest';
import type {Plan} from '../../src/core/change/plan.js';
import {restartLosses} from '../../src/edge/change/preflight/restarts.js';
import {type Edit, edited} from '../edited.js';
import {mustPlan, see, target} from './planned.js';

const hostGw = target({Type: 'host-gw'});
const by = (type: string) => ({by: 'systemd', netConf: {Network: '10.244.0.0/16', Backend: {Type: type}}});
const drop = (node: string): Edit => [node, 'iptables-save', (out) => out.replace(/^:FORWARD ACCEPT/m, ':FORWARD DROP')];

test('where nothing but flannel’s own accepts let pods through, a restart loses packets: who, and how long', async () => {
  const seen = see(await edited('vxlan', drop('n2')));
  const plan = mustPlan(seen, hostGw, {control: by('vxlan')});
  expect(restartLosses(plan, seen.views)).toEqual([
    expect.stringMatching(
      /^FORWARD of n2 lets pods' packets through by flannel's own rules alone.* for some tens of milliseconds at its restart/,
    ),
  ]);
  const {control: _, ...alone} = plan;
  expect(restartLosses(alone, seen.views)).toEqual([]);
});

test('a policy of ACCEPT, or accepts of somebody else, lose nothing; a node that drops now is not said to be lost later', async () => {
  const losses = async (...edits: readonly Edit[]) => {
    const seen = see(await edited('vxlan', ...edits));
    const plan = {control: by('vxlan'), stages: []} as unknown as Plan;
    return restartLosses(plan, seen.views);
  };
  const own = '-A FORWARD -s 10.244.0.0/16 -j ACCEPT\n-A FORWARD -d 10.244.0.0/16 -j ACCEPT\n';
  expect(await losses(['n1', 'subnet.env', (out) => `${out}\n`])).toEqual([]);
  const other: Edit = [
    'n2',
    'iptables-save',
    (out) => out.replace(/^:FORWARD ACCEPT/m, ':FORWARD DROP').replace(/^\[\d+:\d+\] -A FORWARD/m, `${own}$&`),
  ];
  expect(await losses(other)).toEqual([]);
  const broken: Edit = [
    'n2',
    'iptables-save',
    (out) => out.replace(/^:FORWARD ACCEPT/m, ':FORWARD DROP').replace(/^.*-A FORWARD .*\n/gm, ''),
  ];
  expect(await losses(broken)).toEqual([]);
});
