import {factsOf} from '../../src/edge/lab/break.js';
import type {Fault} from '../../src/edge/lab/faults/fault.js';
import {faults} from '../../src/edge/lab/faults/index.js';
import {defaultSpec, type LabSpec, layOut} from '../../src/edge/lab/topology.js';

type Spec = Partial<LabSpec> & {readonly name: string};

/** Does the fault make sense in a lab of this spec? */
export const fits = (fault: Fault, spec: Partial<LabSpec>): boolean => fault.fits(factsOf(layOut({...defaultSpec, ...spec}, '/nowhere')));

/** FLANCTL_TEST_LONG: every fault in every lab it fits. */
export const long = process.env['FLANCTL_TEST_LONG'] !== undefined;

/**
 * Which faults each lab gets. In the long run all that fit it. Else every fault goes to one lab of those it fits, the one with the fewest so
 * far, counted on from the last: so every fault is tried, every lab has faults of every room (bridge, routes, netfilter, tunnel), and a run
 * takes a third of the time. That suffices between long runs, because a fault is the same commands and the same rule in every lab, and what
 * the labs differ in has faults of its own that fit nowhere else. Runs of different kinds (matrix, captures, apply) go round from different
 * labs (`from`), so that most faults meet several labs even so. What takes longest to try of a fault, and differs least from one to the next
 * (captures, repairs), is tried between long runs of every second one of a lab (`every`).
 */
export function sharesOf(labs: readonly Spec[], from = 0, every = 1): (fault: Fault, lab: Spec) => boolean {
  if (long) return (fault, lab) => fits(fault, lab);
  const load = labs.map(() => 0);
  const home = new Map<Fault, Spec>();
  // Who has the least choice chooses first.
  const ways = faults.map((fault) => ({fault, open: labs.map((_, i) => (i + from) % labs.length).filter((i) => fits(fault, labs[i]!))}));
  for (const {fault, open} of ways.toSorted((a, b) => a.open.length - b.open.length)) {
    const [least] = open.toSorted((a, b) => load[a]! - load[b]!);
    if (least === undefined) continue;
    load[least]! += 1;
    home.set(fault, labs[least]!);
  }
  const tried = new Set(labs.flatMap((lab) => faults.filter((fault) => home.get(fault) === lab).filter((_, i) => i % every === 0)));
  return (fault, lab) => tried.has(fault) && home.get(fault)?.name === lab.name;
}
