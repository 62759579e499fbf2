import {describe} from 'vitest';
import {matrix} from './matrix.js';

describe('faults of vxlan with DirectRouting over a router', () =>
  matrix({name: 'mx-direct', backend: 'vxlan', directRouting: true, underlay: 'routed', nodes: 4, pods: 1}));
