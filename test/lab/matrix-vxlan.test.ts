import {describe} from 'vitest';
import {matrix} from './matrix.js';
import {dualStack, share} from './matrix-labs.js';

describe('faults of a vxlan cluster, both families', () => matrix(dualStack.vxlan, share(dualStack.vxlan)));
