import {describe, expect, test} from 'vitest';
import {factsOf} from '../../src/edge/lab/break.js';
import type {Fault} from '../../src/edge/lab/faults/fault.js';
import {faults} from '../../src/edge/lab/faults/index.js';
import {defaultSpec, type LabSpec, layOut} from '../../src/edge/lab/topology.js';
import {matrix} from './matrix.js';
import {dualStack, ipv4Only} from './matrix-labs.js';

const fits = (fault: Fault, spec: Partial<LabSpec>): boolean => fault.fits(factsOf(layOut({...defaultSpec, ...spec}, '/nowhere')));

test('every fault is tried in some lab', () => {
  const labs = [...Object.values(dualStack), ...ipv4Only];
  expect(faults.filter((fault) => !labs.some((spec) => fits(fault, spec))).map((fault) => fault.id)).toEqual([]);
});

describe.each(ipv4Only.map((spec) => [spec.name, spec] as const))('faults that only a cluster without IPv6 has: %s', (_, spec) =>
  matrix(spec, (fault) => !fits(fault, {...spec, dualStack: true})),
);
