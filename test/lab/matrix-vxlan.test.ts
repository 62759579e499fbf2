import {describe} from 'vitest';
import {matrix} from './matrix.js';

describe('faults of a vxlan cluster, both families', () => matrix({name: 'mx-vxlan', backend: 'vxlan', dualStack: true}));
