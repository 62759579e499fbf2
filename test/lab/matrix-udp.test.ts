import {describe} from 'vitest';
import {labsWork} from './in-lab.js';
import {matrix} from './matrix.js';
import {own} from './own-faults.js';

const spec = {name: 'mx-udp', backend: 'udp', nodes: 2, pods: 1};

/** The one backend of flannel's with a tunnel of its own that every kernel can have: the others are in test/vm. */
describe.skipIf(!labsWork)('faults of a udp cluster', () => matrix(spec, own(spec), {cli: false}));
