import {allAlive, namesInUse, namespacesOf} from './namespaces.js';
import {labNames, tryLoad} from './state.js';
import {namesOf} from './topology.js';

export interface LabEntry {
  readonly name: string;
  /** null when only namespaces tell of the lab. */
  readonly backend: string | null;
  readonly nodes: number;
  readonly pods: number;
  /** `alive`; `building`: not finished; `broken`: a node or a namespace is gone; `orphaned`: namespaces that no state describes. */
  readonly state: 'alive' | 'building' | 'broken' | 'orphaned';
  readonly inventory: string | null;
}

/** Every lab on this machine, written down or not, sorted by name. */
export async function listLabs(): Promise<LabEntry[]> {
  const names = [...new Set([...(await labNames()), ...(await namesInUse())])].sort();
  return Promise.all(names.map(look));
}

async function look(name: string): Promise<LabEntry> {
  const [lab, present] = await Promise.all([tryLoad(name), namespacesOf(name)]);
  if (!lab) {
    const count = (pattern: RegExp): number => present.filter((netns) => pattern.test(netns)).length;
    return {name, backend: null, nodes: count(/-n\d+$/), pods: count(/-p\d+$/), state: 'orphaned', inventory: null};
  }
  const whole = namesOf(lab).every((netns) => present.includes(netns)) && (await allAlive(lab));
  return {
    name,
    backend: lab.spec.backend,
    nodes: lab.nodes.length,
    pods: lab.nodes.reduce((sum, node) => sum + node.pods.length, 0),
    state: lab.phase === 'building' ? 'building' : whole ? 'alive' : 'broken',
    inventory: lab.inventory,
  };
}
