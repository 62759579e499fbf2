import {describe} from 'vitest';
import {matrix} from './matrix.js';
import {dualStack, share} from './matrix-labs.js';

describe('faults of vxlan with DirectRouting over a router, both families', () => matrix(dualStack.direct, share(dualStack.direct)));
