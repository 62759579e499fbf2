import type {Ip} from '../net/address.js';
import {contains} from '../net/prefix.js';
import type {Plan} from './plan.js';

/** An open connection of a node itself, or one that a node masquerades, whose other end is a pod of another node. */
export interface Connected {
  readonly node: string;
  /** `192.168.77.11:40312`, as its owner has them. */
  readonly local: string;
  readonly remote: string;
  /** The pod's own address, behind a service, and its node. */
  readonly pod: Ip;
  readonly peer: string;
  /** `curl (pid 4711)`; absent when the node did not say, or only passes it on. */
  readonly process?: string;
  /**
   * What would cut it. `masqueraded`: a change of its route's device; `perhaps` when the rules that decide it could not be judged.
   * `device`: its own address is the old tunnel's. `strict`: its answers come in by another device than its packets leave by.
   */
  readonly by: 'masqueraded' | 'perhaps' | 'device' | 'strict';
}

/** A connection that a step of the plan cuts, or would have cut if it had not been held back. */
export interface Cut {
  readonly node: string;
  readonly local: string;
  readonly remote: string;
  /** The node of the pod. */
  readonly peer: string;
  readonly process?: string;
  /** Title of the stage that cuts it, or what is held back for its sake. */
  readonly step: string;
  readonly held: boolean;
  readonly why: string;
}

/** Which steps of a plan cut which connections; those that none of them cuts are not named. */
export const cutsIn = (plan: Plan, connections: readonly Connected[]): readonly Cut[] =>
  connections.flatMap((connected): Cut[] => {
    const {node, local, remote, peer, process, by} = connected;
    const cut = (step: string, held: boolean, why: string): Cut[] => [
      {node, local, remote, peer, ...(process !== undefined && {process}), step, held, why},
    ];
    if (by === 'masqueraded' || by === 'perhaps') {
      const moved = moves(plan, connected);
      if (moved === undefined) return [];
      const sure = by === 'masqueraded' ? 'it is masqueraded' : 'it may be masqueraded';
      return cut(
        moved.step,
        false,
        `${sure}, and its route changes from ${moved.from} to ${moved.to}: nothing can save it; the next connection works at once`,
      );
    }
    const left = plan.left.find((l) => (l.node === node || (by === 'strict' && l.node === peer)) && heldBack[by](l.what));
    if (left === undefined) return [];
    const why = by === 'device' ? 'its own address goes with the device' : 'its answers would be dropped: they come in by another device';
    return cut(by === 'device' ? left.what : `${left.node}: ${left.what}`, true, why);
  });

/** What node-work.ts calls the steps that it holds back. */
export const heldBack = {
  device: (what: string): boolean => what.startsWith('deleting '),
  strict: (what: string): boolean => / back to \S+$/.test(what),
};

/** The flip that gives the route to the pod another device. */
function moves({stages}: Plan, {node, pod}: Connected): {readonly step: string; readonly from: string; readonly to: string} | undefined {
  for (const {title, work} of stages)
    for (const {operations} of work.filter((w) => w.node === node))
      for (const op of operations) {
        if (op.on !== 'route' || op.do !== 'replace' || !contains(op.row.dst, pod)) continue;
        const [from, to] = [op.before.dev, op.row.dev];
        if (from !== undefined && to !== undefined && from !== to) return {step: title, from, to};
      }
  return undefined;
}

/** `192.168.77.11:40312 → 10.244.2.5:80 (pod of n2; curl, pid 4711)`. */
export const showConnected = ({local, remote, peer, process}: Pick<Connected, 'local' | 'remote' | 'peer' | 'process'>): string =>
  `${local} → ${remote} (a pod of ${peer}${process === undefined ? '' : `; ${process}`})`;

/** The first of many, and how many more. */
export function firstOf(lines: readonly string[], most = 10): readonly string[] {
  return lines.length <= most
    ? lines
    : [...lines.slice(0, most), `and ${lines.length - most} more (flanctl migrate --dry-run -o json names all)`];
}
