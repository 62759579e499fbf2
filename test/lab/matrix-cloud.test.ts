import {describe} from 'vitest';
import type {Fault} from '../../src/edge/lab/faults/fault.js';
import {clouds} from './clouds.js';
import {labsWork} from './in-lab.js';
import {matrix} from './matrix.js';
import {fits, long} from './shares.js';

describe.skipIf(!labsWork)('faults in clouds', () => {
  for (const [spec, daily] of clouds)
    describe(spec.name, () => matrix(spec, (fault: Fault) => (long ? fits(fault, spec) : daily.includes(fault.id)), {cli: false}));
});
