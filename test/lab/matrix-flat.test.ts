import {describe} from 'vitest';
import {matrix} from './matrix.js';
import {dualStack, share} from './matrix-labs.js';

describe('faults of vxlan with DirectRouting on one link, both families', () => matrix(dualStack.flat, share(dualStack.flat)));
