import {expect} from 'vitest';
import type {Operation} from '../../src/core/change/operation.js';
import type {Plan} from '../../src/core/change/plan.js';
import type {Route} from '../../src/core/kernel/route.js';
import {runIn} from '../../src/edge/lab/exec.js';
import type {Lab} from '../../src/edge/lab/topology.js';

/** Routes to peers that do not exist, so that a node's table is that of a large cluster: what a switch does must take as long as it takes there. */
const subnet = (i: number): string => `10.${130 + (i >> 8)}.${i & 255}.0/24`;

function rows(backend: 'vxlan' | 'host-gw', count: number): readonly Route[] {
  return Array.from({length: count}, (_, i): Route => {
    const [dst, gateway] = [subnet(i), subnet(i).slice(0, -3)];
    const tunnel = {gateway, dev: 'flannel.1', flags: ['onlink']};
    const direct = {gateway: `192.168.77.${100 + (i % 100)}`, dev: 'eth0', flags: []};
    return {
      family: 4,
      table: 'main',
      type: 'unicast',
      dst,
      metric: 0,
      protocol: 'boot',
      scope: 'global',
      ...(backend === 'vxlan' ? tunnel : direct),
    };
  });
}
const words = ({dst, gateway, dev, flags}: Route): string => `${dst} via ${gateway} dev ${dev} ${flags.join(' ')}`;

export async function addRoutes(lab: Lab, backend: 'vxlan' | 'host-gw', count: number): Promise<void> {
  const input = `${rows(backend, count)
    .map((row) => `route add ${words(row)}`)
    .join('\n')}\n`;
  for (const {name} of lab.nodes) expect(await runIn(lab, name, ['ip', '-batch', '-'], {input})).toMatchObject({code: 0, stderr: ''});
}

/** The plan whose flips move these routes as well, half before the real ones and half after. */
export function withRoutes(plan: Plan, from: 'vxlan' | 'host-gw', count: number): Plan {
  const to = from === 'vxlan' ? 'host-gw' : 'vxlan';
  const [old, fresh] = [rows(from, count), rows(to, count)];
  const flips = old.map((before, i): Operation => ({on: 'route', do: 'replace', before, row: fresh[i]!}));
  const half = Math.floor(count / 2);
  return {
    ...plan,
    stages: plan.stages.map((stage) =>
      stage.phase !== 'flip'
        ? stage
        : {
            ...stage,
            work: stage.work.map(({node, operations}) => ({
              node,
              operations: [...flips.slice(0, half), ...operations, ...flips.slice(half)],
            })),
          },
    ),
  };
}

/** What a change must not do: all of flannel's routes of a node away, then all there again, in one batch. */
export async function deleteAndAdd(lab: Lab, node: string): Promise<void> {
  const {stdout} = await runIn(lab, node, 'ip route show | grep "^10\\." | grep -v "proto kernel"');
  const lines = stdout.split('\n').filter((line) => line !== '');
  const input = [...lines.map((line) => `route del ${line}`), ...lines.map((line) => `route add ${line}`), ''].join('\n');
  expect(await runIn(lab, node, ['ip', '-batch', '-'], {input})).toMatchObject({code: 0, stderr: ''});
}
