import type {Batch} from '../../src/core/change/batch.js';
import {address} from '../../src/core/kernel/address.js';
import {fdb} from '../../src/core/kernel/fdb.js';
import {neigh} from '../../src/core/kernel/neigh.js';
import {route} from '../../src/core/kernel/route.js';
import {rule} from '../../src/core/kernel/rule.js';
import {wg} from '../../src/core/kernel/wg.js';
import {xfrm} from '../../src/core/kernel/xfrm.js';
import {readNode} from '../../src/core/model/read-node.js';
import type {NodeState} from '../../src/core/node/state.js';
import {gather} from '../../src/edge/gather/gather.js';
import type {Node} from '../gather/node.js';

/** Reads a node as doctor does; on a machine that is emulated, where each program takes long, no more than it has to. */
export async function look(node: Node, only?: readonly string[]): Promise<NodeState> {
  const address = {node: 'n1', via: 'netns' as const, pid: node.pid};
  for await (const dump of gather([address], {
    transport: {sshHostKeys: 'strict', notice: () => {}},
    ...(only && {only, pods: 'none', timeoutMs: 120_000}),
  })) {
    const state = readNode(dump);
    if (state.failure) throw new Error(state.failure.message);
    return state;
  }
  throw new Error('no dump');
}

const linkLocal = (text: string): boolean => /^fe80:|^ff00:/.test(text);

/** What operations are about, line by line: without link-local addresses, multicast, what packets teach, and numbers the kernel hands out. */
export function tablesOf({tables, sysctl, subnetEnv}: NodeState): readonly string[] {
  const lines = [
    ...(tables.link ?? []).map((l) => {
      const {mtu, address: mac, master, kind, info} = l;
      const up = l.flags.includes('UP') ? 'up' : 'down';
      return `link ${l.ifname} ${up} ${mtu} ${mac} ${master ?? ''} ${kind ?? ''} ${JSON.stringify(Object.entries(info ?? {}).sort())}`;
    }),
    ...(tables.address ?? [])
      .filter((a) => !linkLocal(a.local))
      .map((a) => `address ${address.show(a)} ${a.flags.filter((f) => f !== 'nodad').join()}`),
    ...(tables.route ?? [])
      .filter((r) => !linkLocal(r.dst) && !['broadcast', 'anycast', 'multicast'].includes(r.type))
      .map((r) => `route ${r.family} ${route.show(r)}`),
    ...(tables.rule ?? []).map((r) => `rule ${r.family} ${rule.show(r)}`),
    ...(tables.neigh ?? []).filter((n) => n.state.includes('PERMANENT')).map((n) => `neigh ${neigh.show(n)}`),
    ...(tables.fdb ?? []).filter((f) => f.dst !== undefined).map((f) => `fdb ${fdb.show(f)}`),
    ...(tables.wg ?? []).map((p) => `wg ${wg.show(p)}`),
    ...(tables.xfrm ?? []).map((p) => `xfrm ${xfrm.show(p)}`),
    ...[...(sysctl ?? [])].filter(([key]) => !key.includes('conntrack')).map(([key, value]) => `${key} = ${value}`),
    `subnet.env ${typeof subnetEnv === 'object' ? subnetEnv.text : subnetEnv}`,
  ];
  return lines.sort();
}

/** Two lists of lines as what one has and the other has not. */
export const difference = (a: readonly string[], b: readonly string[]): readonly string[] => [
  ...a.filter((line) => !b.includes(line)).map((line) => `- ${line}`),
  ...b.filter((line) => !a.includes(line)).map((line) => `+ ${line}`),
];

/** Runs batches as the agent does: each stops at its first line that fails. @returns what was said of that line */
export function run(node: Node, batches: readonly Batch[]): string | undefined {
  for (const {tool, lines} of batches) {
    const words = tool === 'sh' ? ['sh', '-e', '-s'] : [tool, '-batch', '-'];
    const {status, stderr} = node.run(words, `${lines.join('\n')}\n`);
    if (status !== 0) return `${tool}: ${stderr}\n${lines.join('\n')}`;
  }
  return undefined;
}

/** Runs batches as an undo is run: lines that find nothing to undo are passed over. */
export function undo(node: Node, batches: readonly Batch[]): void {
  for (const {tool, lines} of batches) node.run(tool === 'sh' ? ['sh', '-s'] : [tool, '-force', '-batch', '-'], `${lines.join('\n')}\n`);
}

/** The first `count` lines of the batches: as far as a run came that was cut off. */
export function cut(batches: readonly Batch[], count: number): readonly Batch[] {
  let left = count;
  return batches.flatMap(({tool, lines}) => {
    const part = lines.slice(0, left);
    left -= part.length;
    return part.length === 0 ? [] : [{tool, lines: part}];
  });
}
