import {describe} from 'vitest';
import {matrix} from './matrix.js';
import {dualStack} from './matrix-labs.js';

describe('faults of vxlan with DirectRouting on one link, both families', () => matrix(dualStack.flat));
