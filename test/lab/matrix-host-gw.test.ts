import {describe} from 'vitest';
import {matrix} from './matrix.js';
import {dualStack, share} from './matrix-labs.js';

describe('faults of a host-gw cluster, both families', () => matrix(dualStack.hostGw, share(dualStack.hostGw)));
