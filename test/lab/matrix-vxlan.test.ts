import {describe} from 'vitest';
import {matrix} from './matrix.js';
import {dualStack} from './matrix-labs.js';

describe('faults of a vxlan cluster, both families', () => matrix(dualStack.vxlan));
