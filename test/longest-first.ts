import {relative} from 'node:path';
import {BaseSequencer, type TestSpecification} from 'vitest/node';

/**
 * The files that take longest, longest first; what is not here takes seconds. Without this vitest goes by size on a machine where nothing ran
 * yet, and the shortest files here run the longest matrices: they would begin when all others are done, and one core would wait for them.
 */
const longest = [
  'change/crash-commands',
  'kubernetes/migrate',
  'change/migrate',
  'change/agent',
  'change/migration-lab',
  'lab/apply-vxlan',
  'lab/apply-host-gw',
  'lab/matrix-direct',
  'lab/matrix-vxlan',
  'lab/matrix-flat',
  'lab/matrix-host-gw',
  'lab/capture-vxlan',
  'lab/capture-direct',
  'lab/capture-host-gw',
  'change/crash',
  'lab/matrix-ipv4',
];

const place = ({moduleId}: TestSpecification): number => {
  const name = relative(import.meta.dirname, moduleId).replace(/\.test\.ts$/, '');
  return longest.includes(name) ? longest.indexOf(name) : longest.length;
};

export class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    return (await super.sort(files)).toSorted((a, b) => place(a) - place(b));
  }
}
