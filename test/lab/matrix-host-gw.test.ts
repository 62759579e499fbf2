import {describe} from 'vitest';
import {matrix} from './matrix.js';

describe('faults of a host-gw cluster, both families', () => matrix({name: 'mx-hostgw', backend: 'host-gw', dualStack: true}));
