import type {Lab} from '../../topology.js';
import type {Fabric, FabricGroup} from '../fabric.js';

/** What the cloud's own command would print: JSON documents (model/cloud-modes.md §5.2). */
export interface Exports {
  readonly routes: unknown;
  readonly enis: unknown;
  readonly groups: unknown;
}

export type Exporter = (lab: Lab, fabric: Fabric) => Exports;

/** Of clouds that print one group at a time: their answers with the commands that they are to, in one file as `gather` keeps them. */
export const answers = (
  groups: readonly FabricGroup[],
  command: (id: string) => string,
  answer: (group: FabricGroup) => unknown,
): unknown => ({kind: 'CloudDocuments', documents: groups.map((group) => ({from: command(group.id), data: answer(group)}))});
