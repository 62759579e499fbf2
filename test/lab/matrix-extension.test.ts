import {describe} from 'vitest';
import type {Fault} from '../../src/edge/lab/faults/fault.js';
import {labsWork} from './in-lab.js';
import {matrix} from './matrix.js';
import {extensions} from './matrix-labs.js';
import {fits, long} from './shares.js';

describe.skipIf(!labsWork)('faults of a cluster whose commands somebody wrote', () => {
  for (const [spec, daily] of extensions)
    describe(spec.name, () => matrix(spec, (fault: Fault) => (long ? fits(fault, spec) : daily.includes(fault.id)), {cli: false}));
});
